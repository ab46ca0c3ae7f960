"""alternatives=True: edits are the least over the texts that a read may be."""

from __future__ import annotations

from itertools import product
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import platewatch as pw


def read_of(text: str, alts: list[list[tuple[str, float]]], candidates: tuple[str, ...] = ()) -> pw.Read:
    chars = tuple(pw.Character(c, alts=((c, 0.4), *others)) for c, others in zip(text, alts, strict=True))
    return pw.Read(text=text, chars=chars, candidates=tuple(map(pw.Candidate, candidates)))


plates = st.text("01가나", min_size=1, max_size=5)


@given(st.lists(plates, min_size=1, max_size=8), plates, st.lists(plates, max_size=3), st.data())
def test_least_edits_over_the_texts(wanted: list[str], text: str, candidates: list[str], data: st.DataObject) -> None:
    # At most two choices at five places, each likelier than 0.001 even together: all paths are tried.
    others = [data.draw(st.sampled_from([[], [], [("0", 0.3)], [("나", 0.3)]])) for _ in text]
    read = read_of(
        text,
        [[pair for pair in pairs if pair[0] != c] for c, pairs in zip(text, others, strict=True)],
        tuple(candidates),
    )
    matcher = pw.Matcher(pw.Hotlist.from_plates([*wanted, "0?*가"]))
    paths = [
        "".join(path) for path in product(*([c, *(a for a, _ in pairs)] for c, pairs in zip(text, others, strict=True)))
    ]
    for k in range(4):
        least: dict[str, int] = {}
        for one in [text, *paths, *candidates]:
            for match in matcher.match(one, max_edits=k):
                least[match.entry_id] = min(least.get(match.entry_id, 9), match.edits)
        expected = sorted((edits, entry_id) for entry_id, edits in least.items())
        assert sorted((m.edits, m.entry_id) for m in matcher.match(read, max_edits=k, alternatives=True)) == expected
        batch = matcher.match_batch([text, read, "99", read], max_edits=k, alternatives=True)
        rows = zip(batch.read.tolist(), batch.edits.tolist(), batch.entry.tolist(), strict=True)
        assert sorted((d, batch.entry_ids[e]) for row, d, e in rows if row == 3) == expected
        assert batch.not_lined_up == 0
        own, plain = matcher.match(read, max_edits=k), matcher.match(text, max_edits=k)
        assert sorted((m.edits, m.entry_id) for m in own) == sorted((m.edits, m.entry_id) for m in plain)
        without = matcher.match_batch([read], max_edits=k)
        assert without.read.size == len(matcher.match(text, max_edits=k))


def test_chars_that_do_not_line_up_are_ignored_and_counted() -> None:
    matcher = pw.Matcher(pw.Hotlist.from_plates(["12가3456", "77나7777"]), max_edits=0)
    good = read_of("12거3456", [[], [], [("가", 0.3)], [], [], [], []])
    short = pw.Read(text="12거3456", chars=good.chars[:-1], candidates=(pw.Candidate("77나7777"),))
    thousandths = read_of("12거3456", [[], [], [("가", 300.0)], [], [], [], []])
    spaced = pw.Read(text=" 12거 3456\n", chars=good.chars)
    batch = matcher.match_batch([short, good, thousandths, spaced], alternatives=True)
    found = [
        (row, batch.entry_ids[entry]) for row, entry in zip(batch.read.tolist(), batch.entry.tolist(), strict=True)
    ]
    assert found == [(0, "77나7777"), (1, "12가3456"), (3, "12가3456")]
    assert batch.not_lined_up == 2
    assert matcher.match_batch([short, good, thousandths]).not_lined_up == 0
    assert len(matcher.match_batch([short, good, thousandths])) == 0


def test_candidates_that_are_no_plates_are_ignored() -> None:
    matcher = pw.Matcher(pw.Hotlist.from_plates(["12가3456"]), max_edits=0)
    texts = ["--", "1" * 17, "\ud800", "12-가-3456"]
    read = pw.Read(text="99허9999", candidates=tuple(map(pw.Candidate, texts)))
    assert [m.plate for m in matcher.match(read, alternatives=True)] == ["12가3456"]
    bad = pw.Read(text="--", candidates=read.candidates)
    with pytest.raises(pw.ReadError, match="no letter or digit"):
        matcher.match(bad, alternatives=True)


def test_no_wrong_argument_quotes_the_read() -> None:
    matcher = pw.Matcher(pw.Hotlist.from_plates(["12가3456"]))
    assert matcher.match("12가3456", alternatives="yes")  # type: ignore[arg-type]
    assert len(matcher.match_batch(["12가3456"], alternatives="yes")) == 1  # type: ignore[call-overload]


def duck(**fields: Any) -> Any:
    """What has the fields of a read, but is none, so that nobody has checked them."""
    nothing = dict.fromkeys(pw.Read.__struct_fields__) | {"chars": (), "candidates": ()}
    return SimpleNamespace(**nothing | fields)


def characters(**fields: Any) -> list[Any]:
    return [SimpleNamespace(**{"c": c, "p": None, "alts": ()} | fields) for c in "12가3456"]


WRONGLY_TYPED: list[Any] = [
    [("1", 0.9)],
    [("a", 1)],
    [5],
    5,
    None,
    "12가3456",
    characters(p="x"),
    characters(p=[0.5]),
    characters(c=5),
    characters(alts=[("1",)]),
    characters(alts=[("1", "x")]),
    characters(alts=5),
    characters(alts=[5]),
]


@pytest.mark.parametrize("alternatives", [False, True])
@pytest.mark.parametrize("chars", WRONGLY_TYPED)
def test_characters_of_wrong_types_are_ignored_and_counted(chars: Any, alternatives: bool) -> None:
    matcher = pw.Matcher(pw.Hotlist.from_plates(["12가3456", "12거3456"]))
    bad, good = duck(text="12가3456", chars=chars), pw.Read(text="12가3456")
    expected = matcher.match(good)
    assert matcher.match(bad, alternatives=alternatives) == expected
    assert matcher.match_pass([bad], alternatives=alternatives) == expected
    fused = [(m.entry_id, m.probability) for m in matcher.match_pass([bad, bad], alternatives=alternatives)]
    assert fused == [(m.entry_id, m.probability) for m in matcher.match_pass([good, good])]
    for errors in ("raise", "report"):
        batch = matcher.match_batch([good, bad, good], errors=errors, alternatives=alternatives)
        assert batch.read.tolist() == [0, 0, 1, 1, 2, 2]
        assert (batch.errors, batch.not_lined_up) == ([], 1)
        assert batch.probability is not None
        assert batch.probability.tolist() == [m.probability for m in expected] * 3


@pytest.mark.parametrize("candidates", [5, [5], ["12가3456"], [SimpleNamespace(text=5)]])
def test_candidates_of_wrong_types_are_ignored(candidates: Any) -> None:
    matcher = pw.Matcher(pw.Hotlist.from_plates(["12가3456"]))
    read = duck(text="12가3456", candidates=candidates)
    assert [m.entry_id for m in matcher.match(read, alternatives=True)] == ["12가3456"]


@pytest.mark.parametrize("name", [5, b"x", "\ud800"])
def test_an_engine_or_camera_that_is_no_text_is_not_known(name: Any) -> None:
    matcher = pw.Matcher(pw.Hotlist.from_plates(["12가3456"]))
    assert matcher.match(duck(text="12가3456", engine=name, camera_id=name)) == matcher.match("12가3456")


def test_percent_are_shares() -> None:
    def read(whole: float) -> pw.Read:
        chars = [{"c": c, "p": 0.9 * whole, "alts": [["가", 0.05 * whole]] if c == "거" else []} for c in "12거3456"]
        return pw.Read(text="12거3456", chars=chars)

    matcher = pw.Matcher(["12가3456"], max_edits=0)
    found = matcher.match(read(1), alternatives=True)
    assert [match.edits for match in found] == [0]
    assert matcher.match(read(100), alternatives=True) == found
    assert matcher.match_batch([read(100)], alternatives=True).not_lined_up == 0
