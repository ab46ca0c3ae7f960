from __future__ import annotations

import copy
import json
import pickle
import threading
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

import platewatch as pw
from platewatch import _core
from platewatch.matching import hotlist as hotlist_module
from platewatch.matching.hotlist import MAX_DISTINCT_SYMBOLS, kinds
from platewatch.matching.values import microseconds


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def errors(hotlist: pw.Hotlist) -> list[tuple[int | None, str | None, str]]:
    return [(error.row, error.field, error.reason) for error in hotlist.report.errors]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_csv_with_header(tmp_path: Path, encoding: str, newline: str) -> None:
    text = newline.join(
        ["agency,plate,id,colour,priority,weight", "광주경찰,12 가-3456,A1,red,2,0.5", "", ",123가4567,A2,,,"]
    )
    hotlist = pw.Hotlist.from_csv(write(tmp_path / "wanted.csv", text, encoding))
    assert hotlist.report.errors == []
    assert hotlist["A1"] == pw.Entry(id="A1", plate="12가3456", agency="광주경찰", priority=2, weight=0.5)
    assert hotlist["A2"] == pw.Entry(id="A2", plate="123가4567")


def test_csv_without_header_has_the_fields_in_their_order(tmp_path: Path) -> None:
    text = "A1,12가3456,stolen,1,2026-01-01,2026-02-01T12:00:00Z,경찰,a note,2\n"
    hotlist = pw.Hotlist.from_csv(write(tmp_path / "wanted.csv", text, "cp949"))
    entry = hotlist["A1"]
    assert (entry.category, entry.priority, entry.agency, entry.note, entry.weight) == (
        "stolen",
        1,
        "경찰",
        "a note",
        2,
    )
    # A date without a time is Korean time, nine hours ahead of UTC.
    assert microseconds(entry.valid_from) == int(datetime(2025, 12, 31, 15, tzinfo=UTC).timestamp()) * 1_000_000
    assert microseconds(entry.valid_until) == int(datetime(2026, 2, 1, 12, tzinfo=UTC).timestamp()) * 1_000_000


def test_csv_quoting_and_row_numbers(tmp_path: Path) -> None:
    text = 'id,plate,note\nA1,12가3456,"two\nlines"\nA2,---,\nA3,12가3457,x,too many\n'
    hotlist = pw.Hotlist.from_csv(write(tmp_path / "wanted.csv", text), strict=False)
    assert next(iter(hotlist)).note == "two\nlines"
    # Rows are the lines that an editor shows.
    assert errors(hotlist) == [(4, "plate", "no letter or digit"), (5, None, "4 cells for 3 columns")]


BAD_FIELDS = [
    ({"id": "", "plate": "12가3456"}, "id", "missing"),
    ({"id": "A"}, "plate", "missing"),
    ({"id": "A", "plate": 5}, "plate", "not text"),
    ({"id": "A", "plate": "- -"}, "plate", "no letter or digit"),
    ({"id": "A", "plate": "1" * 17}, "plate", "more than 16 symbols"),
    ({"id": "A", "plate": "12\ud8003456"}, "plate", "not valid UTF-8"),
    ({"id": "A", "plate": "12가3456", "note": "\udcff"}, "note", "not valid UTF-8"),
    ({"id": "A", "plate": "12\ufffd3456"}, "plate", "holds U+FFFD: the text was decoded wrongly"),
    ({"id": "A", "plate": "12[가-나]3456"}, "plate", "ranges are not supported: list the symbols of the set"),
    ({"id": "A", "plate": "12[가3456"}, "plate", "[ without ]"),
    ({"id": "A", "plate": "＊"}, "plate", "a pattern that every plate fits"),
    ({"id": "A", "plate": "**"}, "plate", "a pattern that every plate fits"),
    ({"id": "A", "plate": "?" * 17}, "plate", "more than 16 symbols"),
    ({"id": "\ud800", "plate": "12가3456"}, "id", "not valid UTF-8"),
    (
        {"id": "A", "plate": "12가3456", "valid_from": "2026-02-01", "valid_until": "2026-01-01"},
        "valid_until",
        "is not after valid_from",
    ),
    (["not", "a", "mapping"], None, "not a mapping of fields"),
    ({"id": "A", "plate": "12가3456", "priority": "high"}, "priority", "not a whole number"),
    ({"id": "A", "plate": "12가3456", "priority": True}, "priority", "not a whole number"),
    ({"id": "A", "plate": "12가3456", "weight": "-1"}, "weight", "not a positive number"),
    ({"id": "A", "plate": "12가3456", "weight": "nan"}, "weight", "not a positive number"),
    (
        {"id": "A", "plate": "12가3456", "valid_from": "tomorrow"},
        "valid_from",
        "not a date or time as 2026-11-23 or 2026-11-23T09:00:00+09:00",
    ),
]


@pytest.mark.parametrize(("record", "field", "reason"), BAD_FIELDS)
def test_a_bad_record_is_reported_and_costs_nothing_else(record: Any, field: str | None, reason: str) -> None:
    good = {"id": "G", "plate": "11가1111"}
    hotlist = pw.Hotlist.from_records([good, record, {"id": 7, "plate": "22가2222"}], strict=False)
    assert [entry.id for entry in hotlist] == ["G", "7"]
    assert errors(hotlist) == [(1, field, reason)]
    with pytest.raises(pw.EntryError) as caught:
        pw.Hotlist.from_records([good, record], strict=True)
    assert (caught.value.row, caught.value.field, caught.value.reason) == (1, field, reason)


def test_an_error_tells_row_field_reason_and_value() -> None:
    error = pw.Hotlist.from_records([{"id": "A", "plate": "*"}], strict=False).report.errors[0]
    assert str(error) == "row 0, plate: a pattern that every plate fits (value: '*')"


def test_duplicates_last_wins(tmp_path: Path) -> None:
    rows = [{"id": "A", "plate": "11가1111"}, {"id": "B", "plate": "11가1111"}, {"id": "A", "plate": "22가2222"}]
    path = write(tmp_path / "wanted.jsonl", "\n".join(map(json.dumps, rows)) + "\n\n")
    hotlist = pw.Hotlist.from_jsonl(path)
    assert (len(hotlist), hotlist.report.rows, hotlist.report.duplicates) == (2, 3, 1)
    assert hotlist["A"].plate == "22가2222"


def test_jsonl_bad_lines(tmp_path: Path) -> None:
    path = tmp_path / "wanted.jsonl"
    rows = [
        '{"id": "A", "plate": "11가1111"}'.encode(),
        b"{oops",
        b"[1]",
        b'{"id": "B", "plate": "\xff"}',
        b"[" * 100_000,
    ]
    path.write_bytes(b"\n".join(rows))
    hotlist = pw.Hotlist.load(path, strict=False)
    assert [entry.id for entry in hotlist] == ["A"]
    assert [row for row, _, _ in errors(hotlist)] == [2, 3, 4, 5]
    assert errors(hotlist)[1][2] == "not a JSON object"
    assert errors(hotlist)[3][2] == "not JSON: nested too deeply"


@pytest.mark.parametrize("encoding", ["utf-8", "cp949"])
def test_a_bad_byte_costs_its_row(tmp_path: Path, encoding: str) -> None:
    good = "id,plate,agency\nA1,12가3456,광주\n".encode(encoding)
    path = tmp_path / "wanted.csv"
    path.write_bytes(good + b"A2,34\xff78,\n" + "A3,56다7890,광주\n".encode(encoding))
    hotlist = pw.Hotlist.from_csv(path, strict=False)
    assert [(entry.id, entry.agency) for entry in hotlist] == [("A1", "광주"), ("A3", "광주")]
    assert errors(hotlist) == [(3, "plate", "not valid UTF-8")]


@pytest.mark.parametrize("text", ["id;plate\nA1;12가3456\n", "id\tplate\r\nA1\t12가3456\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_other_delimiters_and_utf_16(tmp_path: Path, text: str, encoding: str) -> None:
    hotlist = pw.Hotlist.from_csv(write(tmp_path / "wanted.csv", text, encoding))
    assert [(entry.id, entry.plate) for entry in hotlist] == [("A1", "12가3456")]


def test_an_unclosed_quote_costs_its_row(tmp_path: Path) -> None:
    text = 'A0,11가1111\nA1,12가3456,"stolen\nA2,34나5678,stolen\nA3,56다7890,"x"y\nA4,78라9012,"two\nlines"\n'
    hotlist = pw.Hotlist.from_csv(write(tmp_path / "wanted.csv", text), strict=False)
    assert [entry.id for entry in hotlist] == ["A0", "A2", "A4"]
    assert [row for row, _, _ in errors(hotlist)] == [2, 4]
    assert all(reason.startswith("not CSV: ") for _, _, reason in errors(hotlist))


def test_surplus_commas_of_spreadsheets_are_ignored(tmp_path: Path) -> None:
    hotlist = pw.Hotlist.from_csv(write(tmp_path / "wanted.csv", "id,plate\nA1,12가3456,,\n"))
    assert len(hotlist) == 1


def test_dates_as_databases_give_them() -> None:
    record = {"id": "A", "plate": "12가3456", "valid_from": date(2026, 1, 1)}
    assert pw.Hotlist.from_records([record])["A"].valid_from == datetime(2025, 12, 31, 15, tzinfo=UTC)


def test_one_text_is_no_list_of_plates() -> None:
    with pytest.raises(TypeError, match="not one text"):
        pw.Hotlist.from_plates("12가3456")


def test_from_plates_collapses_repeats_and_is_strict() -> None:
    hotlist = pw.Hotlist.from_plates(["12 가 3456", "12가3456", "ab-12"])
    assert [(entry.id, entry.plate) for entry in hotlist] == [("12가3456", "12가3456"), ("AB12", "AB12")]
    with pytest.raises(pw.EntryError, match="row 1, plate: no letter or digit"):
        pw.Hotlist.from_plates(["12가3456", "--"])


def test_from_plates_in_bulk_is_from_plates_row_by_row() -> None:
    class Str(str):
        __slots__ = ()

    plates = ["12가3456", "１２가-3457", "12?3456", Str("12나3456"), " 12 가 3456 ", "ab12", "[가]12*", "AB12"]
    bad = ["--", "1" * 17, 5, None, "12\ud800", "12\ufffd3456", "*", "", b"12"]
    together = pw.Hotlist.from_plates([*plates, *bad, "99가9999"], strict=False)  # type: ignore[list-item]
    one_by_one = [pw.Hotlist.from_plates([plate], strict=False) for plate in [*plates, *bad, "99가9999"]]  # type: ignore[list-item]
    assert [entry.id for entry in together] == list(dict.fromkeys(e.id for one in one_by_one for e in one))
    assert [(e.id, e.plate) for e in together if e.id != e.plate] == []
    assert errors(together) == [(row, *errors(one)[0][1:]) for row, one in enumerate(one_by_one) if one.report.errors]
    assert len(errors(together)) == len(bad)
    report = together.report
    assert (report.rows, report.duplicates, report.patterns) == (len(plates) + len(bad) + 1, 2, 2)
    # Without a bad row nothing goes the slow way, and nothing differs.
    fast = pw.Hotlist.from_plates(["12가3456", "１２가-3457", " 12 가 3456 "])
    assert [(e.id, e.plate) for e in fast] == [("12가3456", "12가3456"), ("12가3457", "12가3457")]
    assert (fast.report.rows, fast.report.duplicates, fast.version) == (3, 1, 0)


def test_from_plates_knows_the_row_with_a_symbol_too_many() -> None:
    plates = [chr(0x4E00 + i) for i in range(MAX_DISTINCT_SYMBOLS + 2)]
    hotlist = pw.Hotlist.from_plates(plates, strict=False)
    assert [row for row, _, _ in errors(hotlist)] == [MAX_DISTINCT_SYMBOLS, MAX_DISTINCT_SYMBOLS + 1]
    with pytest.raises(pw.EntryError, match=f"row {MAX_DISTINCT_SYMBOLS}, plate: more than 254 distinct"):
        pw.Hotlist.from_plates(plates)
    full = pw.Hotlist.from_plates(plates[:MAX_DISTINCT_SYMBOLS])
    with pytest.raises(pw.EntryError, match="more than 254 distinct"):  # the fast way has noted the symbols
        full.add(pw.Entry(id="X", plate="가"))


def test_patterns_are_entries_in_one_canonical_form() -> None:
    hotlist = pw.Hotlist.from_plates(["１２？3456", "12[거가]34*", "12가345﹖", "[가]﹡?"])
    assert [entry.plate for entry in hotlist] == ["12?3456", "12[가거]34*", "12가345?", "가?*"]
    assert hotlist.report.patterns == 4
    assert kinds(hotlist) == {"pattern": 4}


@pytest.mark.parametrize("priority", ["high", True, 1 << 31, -(1 << 80)])
def test_a_priority_is_a_number_that_an_index_holds(priority: Any) -> None:
    with pytest.raises(pw.EntryError, match="priority: not a whole number"):
        pw.Hotlist([pw.Entry(id="A", plate="12가3456", priority=priority)])


def test_no_list_has_more_symbols_than_an_index_can_code() -> None:
    full = [chr(0x4E00 + i) for i in range(MAX_DISTINCT_SYMBOLS)]
    hotlist = pw.Hotlist.from_plates(full)
    with pytest.raises(pw.EntryError, match="more than 254 distinct"):
        hotlist.add(pw.Entry(id="X", plate="가"))
    assert len(pw.Matcher(hotlist).match(full[-1])) == MAX_DISTINCT_SYMBOLS  # each is one edit from the others
    hotlist.remove(full[0])
    hotlist.add(pw.Entry(id="X", plate="가"))
    assert [m.entry_id for m in pw.Matcher(hotlist, max_edits=0).match("가")] == ["X"]


def test_changes_count_versions_and_apply_as_a_whole() -> None:
    hotlist = pw.Hotlist.from_plates(["11가1111", "22가2222"])
    start = hotlist.version
    hotlist.add(pw.Entry(id="A", plate="33 가 3333"))
    hotlist.remove("11가1111")
    assert hotlist.version == start + 2
    with pytest.raises(KeyError):
        hotlist.remove("11가1111")
    bad = pw.HotlistDelta(upserts=(pw.Entry(id="B", plate="44가4444"), pw.Entry(id="C", plate="*")), removals=("A",))
    with pytest.raises(pw.EntryError):
        hotlist.apply(bad)
    assert (hotlist.version, "A" in hotlist, "B" in hotlist) == (start + 2, True, False)
    hotlist.apply(pw.HotlistDelta(upserts=bad.upserts[:1], removals=("A", "never there")))
    assert sorted(entry.id for entry in hotlist) == ["22가2222", "B"]


def test_a_delta_may_swap_the_alphabet_but_not_outgrow_it() -> None:
    first, second = ([chr(start + i) for i in range(MAX_DISTINCT_SYMBOLS)] for start in (0x4E00, 0x5E00))
    hotlist = pw.Hotlist.from_plates(first)
    swapped = pw.HotlistDelta(upserts=tuple(pw.Entry(id=plate, plate=plate) for plate in second), removals=tuple(first))
    hotlist.apply(swapped)
    assert len(pw.Matcher(hotlist)) == MAX_DISTINCT_SYMBOLS
    with pytest.raises(pw.EntryError, match="more than 254 distinct"):
        hotlist.apply(pw.HotlistDelta(upserts=tuple(pw.Entry(id=plate, plate=plate) for plate in first)))
    assert [entry.id for entry in hotlist] == second


def test_kinds_counts_classes() -> None:
    hotlist = pw.Hotlist.from_plates(["12가3456", "123가4567", "서울52바3108", "AB12CDE"])
    assert kinds(hotlist) == {"private": 2, "commercial": 1, "unknown": 1}


def plates_and_entries() -> tuple[pw.Hotlist, pw.Hotlist]:
    """The same list twice: as plates that no entry has been asked of, and as entries."""
    plates = ["12가3456", "１２거-3456", "서울52바3108", "AB12CDE", "12가3456", "1234567890123456"]
    return pw.Hotlist.from_plates(plates), pw.Hotlist(pw.Hotlist.from_plates(plates))


def matches(matcher: pw.Matcher) -> list[tuple[str, list[tuple[str, str, int]]]]:
    reads = ["12가3456", "12거3456", "부산52바3108", "52바3108", "AB12CDF", "123456789012345"]
    return [(read, [(m.entry_id, m.plate, m.edits) for m in matcher.match(read, max_edits=3)]) for read in reads]


def test_plates_are_indexed_as_the_entries_that_they_become() -> None:
    plates, entries = plates_and_entries()
    assert plates.plate_list is not None
    assert entries.plate_list is None
    assert len(plates) == len(entries) == 5
    assert repr(plates) == repr(entries)
    expected = matches(pw.Matcher(entries))
    assert any(found for _, found in expected)
    matcher = pw.Matcher(plates)
    assert matches(matcher) == expected
    assert list(plates) == list(entries)
    assert plates["12거3456"] == entries["12거3456"]
    assert matches(pw.Matcher(plates)) == expected
    matcher.update(["99하9999"])
    assert matcher.match("12가3456") == []
    matcher.update(plates)
    assert matches(matcher) == expected


def test_a_change_of_plates_is_a_change_of_entries() -> None:
    for ask_first in (False, True):
        plates, _ = plates_and_entries()
        matcher = pw.Matcher(plates)
        if ask_first:
            assert "12가3456" in plates
        plates.add(pw.Entry(id="new", plate="77허7777"))
        plates.remove("12가3456")
        assert plates.plate_list is None
        assert len(plates) == 5
        matcher.update(plates)
        assert [m.entry_id for m in matcher.match("77허7777", max_edits=0)] == ["new"]
        assert matcher.match("12가3456", max_edits=0) == []
        assert matches(matcher) == matches(pw.Matcher(plates))


def test_a_refused_change_of_plates_changes_nothing() -> None:
    plates, entries = plates_and_entries()
    bad = pw.Entry(id="x", plate="--")
    with pytest.raises(pw.EntryError):
        plates.apply(pw.HotlistDelta(upserts=(pw.Entry(id="new", plate="77허7777"), bad), removals=("12가3456",)))
    assert len(plates) == 5
    assert list(plates) == list(entries)
    assert matches(pw.Matcher(plates)) == matches(pw.Matcher(entries))


def test_plates_can_be_pickled_and_copied() -> None:
    plates, entries = plates_and_entries()
    for other in (pickle.loads(pickle.dumps(plates)), copy.deepcopy(plates)):
        assert list(other) == list(entries)
        assert matches(pw.Matcher(other)) == matches(pw.Matcher(entries))


def test_the_callers_list_may_change_afterwards() -> None:
    texts = ["12가3456", "12거3456"]
    plates = pw.Hotlist.from_plates(texts)
    texts[0] = "77허7777"
    assert [entry.plate for entry in plates] == ["12가3456", "12거3456"]
    assert [m.edits for m in pw.Matcher(plates).match("12가3456", max_edits=1)] == [0, 1]


def test_what_is_no_plate_by_itself_takes_the_way_by_rows() -> None:
    for row in ("12[가거]3456", "12?3456", "12가34\ufffd6"):
        hotlist = pw.Hotlist.from_plates(["12가3456", row], strict=False)
        assert hotlist.plate_list is None
    for word in ("None", "NaN", "null"):
        with pytest.raises(pw.EntryError):
            pw.Hotlist.from_plates(["12가3456", word])


def test_two_threads_make_the_entries_of_plates_once(monkeypatch: pytest.MonkeyPatch) -> None:
    hotlist = pw.Hotlist.from_plates(["12가3456", "34나5678"])
    entered, added, made = threading.Event(), threading.Event(), []
    canonical_plates = _core.canonical_plates

    def slow(*arguments: Any) -> Any:
        made.append(threading.get_ident())
        if len(made) == 1:
            entered.set()
            added.wait(0.5)  # or as long as it takes the other thread to be done, if nothing holds it
        return canonical_plates(*arguments)

    monkeypatch.setattr(hotlist_module, "canonical_plates", slow)
    reading = threading.Thread(target=lambda: list(hotlist))
    reading.start()
    assert entered.wait(60)
    hotlist.add(pw.Entry(id="new", plate="56다7890"))
    added.set()
    reading.join()
    assert "new" in hotlist
    assert len(hotlist) == 3
    assert len(made) == 1
