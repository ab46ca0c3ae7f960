"""What a wrong symbol is taken for: distributions, and what syllables learn from those that look like them."""

import numpy as np
import pytest

import platewatch as pw
from platewatch.probability.confusion import LIKENESSES, Syllables, confusion, likeness
from platewatch.probability.tables import CLASSES, Floats

SYMBOLS = "0123456789AB가거고나너노다오허"
COLUMNS = len(SYMBOLS) + CLASSES
ALIKE_BUT_FOR = {"final": 3, "vowel": 5, "initial": 6}


def counted(**often: dict[str, int]) -> Floats:
    """Counts of symbols read as others, as keyword arguments: 오={"2": 30}."""
    counts = np.zeros((COLUMNS, COLUMNS))
    for symbol, characters in often.items():
        for character, times in characters.items():
            counts[SYMBOLS.index(symbol), SYMBOLS.index(character)] = times
    return counts


def row(rows: Floats, symbol: str) -> dict[str, float]:
    return dict(zip(SYMBOLS, rows[SYMBOLS.index(symbol)].tolist(), strict=False))


@pytest.mark.parametrize("often", [{}, {"오": {"2": 30, "고": 4}, "가": {"7": 9}, "8": {"B": 3}}])
def test_rows_are_distributions_of_other_characters(often: dict[str, dict[str, int]]) -> None:
    rows, likelier = confusion(counted(**often), np.zeros(LIKENESSES), SYMBOLS)
    assert rows.sum(axis=1) == pytest.approx(1)
    known = np.arange(len(SYMBOLS))
    assert (rows[known, known] == 0).all()
    assert (likelier >= 0).all()


def test_symbols_without_syllables_need_none() -> None:
    rows, likelier = confusion(np.zeros((3 + CLASSES, 3 + CLASSES)), np.zeros(LIKENESSES), "01A")
    assert rows.sum(axis=1) == pytest.approx(1)
    assert likelier.tolist() == [1] * LIKENESSES


def test_a_syllable_never_seen_wrong_learns_from_those_of_its_vowel_and_of_its_initial_consonant() -> None:
    seen = counted(오={"2": 60}, 노={"2": 60}, 가={"7": 60}, 거={"7": 60}, 나={"4": 60}, 너={"4": 60})
    rows, _ = confusion(seen, np.zeros(LIKENESSES), SYMBOLS)
    go = row(rows, "고")  # as 오 and 노 are 2, and 가 and 거 are 7
    assert min(go["2"], go["7"]) > 2 * max(go[digit] for digit in "0135689")
    da = row(rows, "다")  # as 가 and 나
    assert min(da["4"], da["7"]) > 2 * da["2"]


def test_syllables_are_taken_for_those_that_share_their_letters() -> None:
    rows, _ = confusion(counted(고={"노": 5, "거": 5}, 나={"다": 5}), np.zeros(LIKENESSES), SYMBOLS)
    heo = row(rows, "허")
    assert min(heo["거"], heo["너"]) > 5 * heo["나"]


@pytest.mark.parametrize("kind", ALIKE_BUT_FOR.values(), ids=ALIKE_BUT_FOR)
def test_rare_syllables_are_as_like_as_those_seen(kind: int) -> None:
    rare = np.zeros(LIKENESSES)
    rare[kind] = 40
    _, likelier = confusion(counted(), rare, SYMBOLS)
    assert likelier[kind] > 10
    assert likelier[0] < 0.5


def test_of_all_rare_syllables_a_symbol_is_taken_for_one() -> None:
    seen = counted(가={"나": 4, "거": 2}, 오={"고": 6}, 허={"거": 5})
    rare = np.array([1.0, 0, 0, 6, 0, 9, 12, 0])
    _, likelier = confusion(seen, rare, SYMBOLS)
    syllables = Syllables.of(SYMBOLS)
    weight = seen[syllables.places].sum(axis=1)
    total = likelier[syllables.rare].sum(axis=1) / 2000
    assert float(weight @ total / weight.sum()) == pytest.approx(1, rel=0.1)


def test_likeness_has_a_bit_for_each_letter() -> None:
    codes = np.array([*map(ord, "가각갸나힣")])
    assert likeness(codes[:1], codes).tolist() == [7, 3, 5, 6, 0]


def test_a_rare_syllable_speaks_for_one_that_looks_like_it() -> None:
    scoring = pw.ChannelModel.default().scoring
    for read, like, unlike in (("12뇨3456", "12노3456", "12허3456"), ("12혀3456", "12허3456", "12루3456")):
        assert scoring.log_likelihood(read, like) > scoring.log_likelihood(read, unlike) + 2
