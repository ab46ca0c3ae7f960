"""What a read says beside its symbols: marks that say nothing, marks that betray a lost symbol, other texts."""

import math
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

import platewatch as pw
from platewatch import _core
from platewatch.matching.alignment import own_edits
from platewatch.matching.reads import Candidate, Character, Read

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def probability(plate: str, read: str | Read, **options: bool) -> float:
    """Of the only plate listed."""
    (match,) = pw.Matcher(pw.Hotlist.from_plates([plate]), max_edits=3).match(read, at=NOW, **options)
    return match.probability


# ------------------------------------------------------- marks that say nothing

INVISIBLE = {
    "zero-width space": "\u200b",
    "zero-width non-joiner": "\u200c",
    "zero-width joiner": "\u200d",
    "word joiner": "\u2060",
    "byte order mark": "\ufeff",
    "soft hyphen": "\u00ad",
    "Mongolian vowel separator": "\u180e",
    "combining grapheme joiner": "\u034f",
    "variation selector 1": "\ufe00",
    "variation selector 16": "\ufe0f",
    "variation selector 17": "\U000e0100",
    "left-to-right mark": "\u200e",
    "right-to-left override": "\u202e",
    "first strong isolate": "\u2068",
    "Arabic letter mark": "\u061c",
    "Hangul filler": "\u3164",
    "Hangul choseong filler": "\u115f",
    "Hangul jungseong filler": "\u1160",
    "half-width Hangul filler": "\uffa0",
    "Khmer inherent vowel": "\u17b4",
    "tag": "\U000e0041",
    "interlinear annotation": "\ufff9",
    "null": "\0",
    "start of text": "\x02",
    "escape": "\x1b",
    "delete": "\x7f",
    "C1 control": "\x9c",
    "combining low line": "\u0332",
    "enclosing keycap": "\u20e3",
}
READS = [
    ("12가3456", "12가3456"),
    ("123가4567", "123가4567"),
    ("서울12바3456", "서울12바3456"),
    ("서울12바3456", "12바3456"),
    ("12가3456", "12거3456"),
    ("123가4567", "1234567"),
    ("31D55E", "31D55E"),
    ("AB12CD", "AB12CD"),
    ("SP4567", "SP4567"),
    ("ABC123", "ABC124"),
    ("A1", "A1"),
]


@pytest.mark.parametrize("mark", INVISIBLE.values(), ids=INVISIBLE)
def test_what_nobody_sees_says_nothing(mark: str) -> None:
    for plate, read in READS:
        bare = probability(plate, read)
        for text in (mark + read, read + mark * 3, read[:2] + mark + read[2:], mark.join(read)):
            assert probability(plate, text) == bare


@pytest.mark.parametrize("mark", INVISIBLE.values(), ids=INVISIBLE)
def test_characters_line_up_with_what_nobody_sees(mark: str) -> None:
    def read(text: str) -> Read:
        return Read(text=text, chars=tuple(Character(c, 0.9, (("7", 0.05),)) for c in text))

    assert probability("12가3456", read(f"12{mark}가3456")) == probability("12가3456", read("12가3456"))
    assert _core.read_evidence(read(f"1{mark}2")) == _core.read_evidence(read("12"))


SEPARATORS = "-_.,:;|/~'\"*·•‧∙・…–—−‑＿－．｜／：●"


@pytest.mark.parametrize("mark", SEPARATORS)
@pytest.mark.parametrize(
    ("plate", "groups"),
    [
        ("12가3456", ("12", "가", "3456")),
        ("12가3456", ("12가", "3456")),
        ("12가3456", ("12", "거", "3456")),
        ("123가4567", ("123", "가", "4567")),
        ("서울12바3456", ("서울", "12", "바", "3456")),
        ("AB12CD", ("AB", "12", "CD")),
        ("SP4567", ("SP", "4567")),
        ("BMW1234", ("BMW", "1234")),
        ("31D55E", ("31", "D", "55", "E")),
        ("AB1", ("AB", "1")),
    ],
)
def test_a_mark_where_groups_meet_says_nothing(plate: str, groups: tuple[str, ...], mark: str) -> None:
    bare = probability(plate, "".join(groups))
    for between in (mark, f" {mark} "):
        for text in (between.join(groups), mark + "".join(groups), "".join(groups) + mark):
            assert probability(plate, text) == pytest.approx(bare, rel=0.02)


@pytest.mark.parametrize("mark", "-–_.·•:,")
@pytest.mark.parametrize(
    ("plate", "text"),
    [
        ("31D55E", "31{0}D5{0}5E"),
        ("BMW1234", "B{0}MW 1234"),
        ("12가3456", "12가 34{0}56"),
        ("12가3456", "1{0}2{0}가{0}3{0}4{0}5{0}6"),
        ("123가4567", "12{0}3가45{0}67"),
        ("ABC123", "A{0}BC1{0}23"),
    ],
)
def test_a_separator_says_nothing_wherever_nothing_was_lost(plate: str, text: str, mark: str) -> None:
    assert probability(plate, text.format(mark)) == pytest.approx(probability(plate, text.format("")), rel=0.02)


@pytest.mark.parametrize("pad", "_.-*#=%&@ ~|")
@pytest.mark.parametrize(("plate", "read"), READS)
def test_pads_say_nothing(plate: str, read: str, pad: str) -> None:
    bare = probability(plate, read)
    for text in (read + pad * 4, pad * 4 + read, pad * 2 + read + pad * 9, read + pad * 30):
        assert probability(plate, text) == pytest.approx(bare, rel=0.02)


@pytest.mark.parametrize("text", ["[12가3456]", "(12가3456)", "「12가3456」", '"12가3456"', "|12가3456|", "<12가3456>"])
def test_a_frame_says_nothing(text: str) -> None:
    assert probability("12가3456", text) == pytest.approx(probability("12가3456", "12가3456"), rel=0.02)


def test_marks_leave_signs_that_are_no_plate_alone() -> None:
    bare, marked = (pw.ChannelModel.default().explain(text, "12가3456") for text in ("가나다라", "가-나-다-라"))
    assert marked.log_background == pytest.approx(bare.log_background, abs=0.02)


# ------------------------------------------- marks that stand for a lost symbol


@pytest.mark.parametrize("mark", "=%&#@+$※♦")
@pytest.mark.parametrize(
    ("plate", "text"),
    [
        ("402머8089", "402{}8089"),
        ("123가4567", "123{}4567"),
        ("40국8089", "40{}8089"),
        ("123가4567", "12{}가4567"),
        ("12가3456", "12가345{}"),
        ("AB12CD", "AB{}2CD"),
    ],
)
def test_a_mark_speaks_for_the_symbol_lost_there(plate: str, text: str, mark: str) -> None:
    lost, marked = probability(plate, text.format("")), probability(plate, text.format(mark))
    assert marked > 1.02 * lost
    # It says that a symbol was there, not that all of the others are right.
    assert marked < 1.5 * lost or lost < 0.1


@pytest.mark.parametrize("unknown", "?\ufffd")
@pytest.mark.parametrize(
    ("plate", "text"),
    [
        ("402머8089", "402{}8089"),
        ("123가4567", "123{}4567"),
        ("12가3456", "12{}3456"),
        ("12거3456", "12{}3456"),
        ("12가3456", "12가345{}"),
        ("402머8089", "402머8{}89"),
        ("AB12CD", "AB{}2CD"),
    ],
)
def test_an_unknown_symbol_speaks_for_the_one_it_stands_for(plate: str, text: str, unknown: str) -> None:
    lost, told = probability(plate, text.format("")), probability(plate, text.format(unknown))
    assert told > 1.02 * lost


def test_an_unknown_symbol_does_not_tell_what_it_was() -> None:
    """Recognisers that write `?` for what looks like one, a 7 say, had each symbol its own share of them."""
    alike = [
        probability(f"12{syllable}3456", "12?3456") for syllable in "가나다라마거너더러머버서어저고노도로모보소오조"
    ]
    assert max(alike) < 2.5 * min(alike)  # some are read wrong more often than others


@pytest.mark.parametrize("mark", "-./|")
def test_a_separator_in_place_of_the_syllable_speaks_for_it_a_little(mark: str) -> None:
    lost, marked = (probability("402머8089", text) for text in ("4028089", f"402{mark}8089"))
    assert lost < marked < 1.2 * lost


def test_a_mark_elsewhere_does_not_speak_for_the_symbol() -> None:
    right, elsewhere = (probability("123가4567", text) for text in ("123=4567", "1=234567"))
    assert elsewhere < probability("123가4567", "1234567") < right


def listing(*alternatives: tuple[str, float]) -> Read:
    """`402=8089`, with what the recogniser lists for the mark."""
    chars = {c: Character(c, 0.9, ((c, 0.9),)) for c in "02489"}
    mark = Character("=", 0.4, (("=", 0.4), *alternatives))
    return Read(text="402=8089", chars=tuple(chars.get(c, mark) for c in "402=8089"))


def test_what_the_recogniser_lists_for_a_mark_speaks_for_it() -> None:
    assert probability("402머8089", listing(("머", 0.3))) > probability("402머8089", listing()) + 0.2


def test_explain_tells_what_a_mark_was() -> None:
    model = pw.ChannelModel.default()
    lost = model.explain(listing(("머", 0.3)), "402머8089").events
    assert [(event.kind, event.plate, event.read) for event in lost if event.kind != "right"] == [("mark", "머", "=")]
    parted = model.explain("[12-가-3456", "12가3456").events
    assert [event.read for event in parted if event.kind == "separator"] == ["[", "-", "-"]
    assert "".join(event.read for event in parted) == "[12-가-3456"
    assert all(event.log_probability == 0 for event in parted if event.kind == "separator")


# ------------------------------------------------------- other texts of a read


def read_of(text: str, *candidates: tuple[str, float | None], confidence: float | None = None) -> Read:
    return Read(text=text, confidence=confidence, candidates=tuple(Candidate(*one) for one in candidates))


@pytest.mark.parametrize(
    ("read", "least", "most"),
    [
        (read_of("12거3456", ("12가3456", 0.9), confidence=0.1), 0.9, 0.99),
        (read_of("12거3456", ("12가3456", 0.9)), 0.9, 0.99),
        (read_of("12거3456", ("12가3456", 0.9), ("12거3456", 0.1)), 0.9, 0.99),
        (read_of("12거3456", ("12-가-3456", 0.9)), 0.9, 0.99),
        (read_of("77다7777", ("12가3456", 0.9)), 0.9, 0.99),
        (read_of("12거3456", ("12가3456", 0.01), confidence=0.99), 0.05, 0.2),
        (read_of("12거3456", ("99나9999", 0.9)), 0.0, 0.02),
        # Of scores that are no shares, the own text's is the best.
        (read_of("12거3456", ("12가3456", 0.9), ("12고3456", 0.8)), 0.7, 0.95),
        # One without a probability has a twentieth.
        (read_of("12거3456", ("12가3456", None)), 0.2, 0.5),
    ],
)
def test_candidates_count_by_their_shares(read: Read, least: float, most: float) -> None:
    assert least < probability("12가3456", read, alternatives=True) < most


def test_a_candidate_that_is_another_plate_hardly_changes_a_sure_read() -> None:
    alone = probability("12가3456", "12가3456")
    assert probability("12가3456", read_of("12가3456", ("99나9999", 0.05))) == pytest.approx(alone, rel=0.01)


def test_candidates_are_a_mixture() -> None:
    model = pw.ChannelModel.default()
    own, other = (model.explain(text, "12가3456") for text in ("12거3456", "12가3456"))
    mixed = model.explain(read_of("12거3456", ("12가3456", 0.7), confidence=0.3), "12가3456")
    for name in ("log_likelihood", "log_background"):
        parts = 0.3 * math.exp(getattr(own, name)) + 0.7 * math.exp(getattr(other, name))
        assert math.exp(getattr(mixed, name)) == pytest.approx(parts, rel=1e-6)
    assert mixed.text == "12가3456"
    assert math.exp(mixed.log_text) == pytest.approx(0.7)


def test_equal_texts_are_one() -> None:
    texts = _core.read_texts(read_of("1가", ("2나", 0.2), ("1-가", 0.6), ("2.나", 0.3)))
    assert [text for text, _ in texts] == ["1가", "2나"]
    assert [share for _, share in texts] == pytest.approx([2 / 3, 1 / 3])


@pytest.mark.parametrize("alternatives", [False, True])
def test_every_way_to_match_counts_candidates_alike(alternatives: bool) -> None:
    matcher = pw.Matcher(pw.Hotlist.from_plates(["12가3456", "12거3457", "99나9999", "12?3456"]), max_edits=2)
    reads = [read_of("12거3456", ("12가3456", 0.6), ("99나9999", 0.2)), read_of("12가3456", ("12거3457", None))]
    batch = matcher.match_batch(reads, at=NOW, alternatives=alternatives)
    rows = [*zip(batch.read.tolist(), batch.entry.tolist(), batch.probability.tolist(), strict=True)]
    for place, read in enumerate(reads):
        matches = matcher.match(read, at=NOW, alternatives=alternatives)
        assert [(match.entry_id, match.probability) for match in matches] == [
            (batch.entry_ids[number], p) for row, number, p in rows if row == place
        ]
        alone = matcher.match_pass([read], at=NOW, alternatives=alternatives)
        assert [(match.entry_id, match.probability) for match in alone] == [
            (match.entry_id, match.probability) for match in matches
        ]
        least = matches[0].probability
        assert matcher.match(read, at=NOW, alternatives=alternatives, min_probability=least)[0].probability == least


def test_the_reads_of_a_pass_count_by_their_texts() -> None:
    matcher = pw.Matcher(pw.Hotlist.from_plates(["12가3456"]), max_edits=2)
    doubtful = read_of("12거3456", ("12가3456", 0.5), confidence=0.5)
    once, twice = (matcher.match_pass([doubtful] * n, at=NOW)[0].probability for n in (1, 2))
    assert 0.5 < once < twice
    sure = [read_of("12거3456", ("12가3456", 0.01), confidence=0.99), read_of("12거3456")]
    assert matcher.match_pass(sure, at=NOW)[0].probability < 0.1


@pytest.mark.parametrize(
    "candidate",
    [
        Candidate("12가3456", 1.5),
        Candidate("12가3456", -0.1),
        Candidate("12가3456", float("nan")),
        Candidate("", 0.9),
        Candidate("--", 0.9),
        Candidate("1" * 17, 0.9),
        Candidate("\ud800", 0.9),
        SimpleNamespace(text=None, p=0.9),
        SimpleNamespace(text=12, p=0.9),
        SimpleNamespace(text="12가3456", p="high"),
        SimpleNamespace(text="12가3456"),
        SimpleNamespace(),
        None,
        "12가3456",
    ],
)
def test_a_candidate_that_cannot_be_one_is_ignored(candidate: object) -> None:
    def read(*candidates: object) -> SimpleNamespace:
        none = dict.fromkeys(("engine", "confidence", "camera_id", "time", "pass_id"))
        return SimpleNamespace(text="12거3456", chars=(), candidates=candidates, **none)

    good = Candidate("12나3456", 0.2)
    for alternatives in (False, True):
        expected = probability("12가3456", read(good), alternatives=alternatives)  # type: ignore[arg-type]
        for candidates in ((candidate, good), (good, candidate)):
            assert probability("12가3456", read(*candidates), alternatives=alternatives) == expected  # type: ignore[arg-type]


def test_no_more_than_the_eight_likeliest_candidates_count() -> None:
    many = [(f"{i}{i}나7777", 0.02 + 0.001 * i) for i in range(1, 10)]
    texts = _core.read_texts(read_of("12가3456", *many))
    assert [text for text, _ in texts] == ["12가3456", *(text for text, _ in reversed(many[1:]))]
    assert sum(share for _, share in texts) == pytest.approx(1)


def test_only_the_own_text_makes_an_exact_match() -> None:
    matcher = pw.Matcher(pw.Hotlist.from_plates(["12가3456"]), max_edits=2)
    chars = tuple(Character(c, 0.9, (("가", 0.002),) if c == "거" else ()) for c in "12거3456")
    listed = Read(text="12거3456", chars=chars)
    assert matcher.match(listed, at=NOW, alternatives=True)[0].edits == 0
    options = {"at": NOW, "alternatives": True, "min_probability": 0.5, "keep_exact": True}
    assert matcher.match(listed, **options) == []  # type: ignore[arg-type]
    assert len(matcher.match("12가3456", at=NOW, min_probability=0.999, keep_exact=True)) == 1
    assert matcher.match_pass([listed, listed], **options) == []  # type: ignore[arg-type]
    assert own_edits(listed, "12가3456", 0) == 1
    assert own_edits(Read(text="12거3456"), "12가3456", 1) == 1
