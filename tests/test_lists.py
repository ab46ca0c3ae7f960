"""Where lists come from: values, tables in memory, mappings, the judgement of a whole list."""

from __future__ import annotations

import math
import sqlite3
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import platewatch as pw
from platewatch.errors import HotlistError, TableError
from platewatch.lists.judgement import few_of_a_kind, findings, repeats
from platewatch.matching.values import KOREAN_TIME
from platewatch.service import cameras

NOTHING: list[Any] = [None, "", "  ", math.nan, np.float32("nan"), pd.NaT, pd.NA, np.datetime64("NaT"), Decimal("nan")]
FIELDS = ("category", "priority", "valid_from", "valid_until", "agency", "note", "weight", "match")


def entry(**fields: Any) -> pw.Entry:
    (made,) = pw.Hotlist.from_records([{"plate": "12가3456", **fields}])
    return made


WORDS_FOR_NOTHING = ["NaN", " nan ", "NaT", "None", "null", "NA", "<NA>", "N/A", "n/a", "NULL", "-"]


@pytest.mark.parametrize("word", WORDS_FOR_NOTHING)
@pytest.mark.parametrize("field", FIELDS)
def test_words_for_nothing_are_blank_as_nothing_is(field: str, word: str) -> None:
    if field == "weight" and word.strip().lower() == "nan":
        with pytest.raises(pw.EntryError, match="weight: not a positive number"):  # it is written as a number
            entry(weight=word)
    else:
        assert entry(**{field: word}) == pw.Entry(id="12가3456", plate="12가3456")
    with pytest.raises(pw.EntryError, match="id: missing"):
        entry(id=word)


@pytest.mark.parametrize("word", ["NaN", " nan ", "NaT", "None", "null", "<NA>", "N/A"])
def test_a_word_for_nothing_is_no_plate(word: str) -> None:
    for load in (lambda: entry(plate=word), lambda: pw.Hotlist.from_plates([word])):
        with pytest.raises(pw.EntryError, match="plate: missing"):
            load()
    assert [e.plate for e in pw.Hotlist.from_plates(["NA", "NULL"])] == ["NA", "NULL"]  # somebody's


@pytest.mark.parametrize("nothing", NOTHING, ids=repr)
@pytest.mark.parametrize("field", FIELDS)
def test_what_is_blank_is_no_value(field: str, nothing: Any) -> None:
    assert entry(**{field: nothing}) == pw.Entry(id="12가3456", plate="12가3456")


@pytest.mark.parametrize("nothing", NOTHING, ids=repr)
def test_a_blank_plate_or_id_is_missing(nothing: Any) -> None:
    for record, field in (({"id": "A", "plate": nothing}, "plate"), ({"id": nothing, "plate": "12가3456"}, "id")):
        hotlist = pw.Hotlist.from_records([record], strict=False)
        assert [(error.row, error.field, error.reason) for error in hotlist.report.errors] == [(0, field, "missing")]


@pytest.mark.parametrize(
    "one", [1, 1.0, "1", "1.0", " 1 ", np.int8(1), np.float32(1), np.str_("1"), Decimal(1), "긴급", "Y"]
)
def test_whole_numbers(one: Any) -> None:
    assert entry(priority=one).priority == 1


def test_ids_and_codes_may_be_numbers() -> None:
    assert entry(id=np.int64(7), category=3, agency=2.0) == pw.Entry(id="7", plate="12가3456", category="3", agency="2")
    assert entry(id=7.0).id == "7"
    assert entry(id="7.0", category="3.0", agency=" 2.0 ", note="1.0") == pw.Entry(
        id="7", plate="12가3456", category="3", agency="2", note="1.0"
    )
    for other in ("7.5", "1.10", "007.0x", "v1.0"):
        assert entry(id=other).id == other


DAY = datetime(2026, 1, 2, tzinfo=KOREAN_TIME)


@pytest.mark.parametrize(
    "day",
    [
        "2026-01-02",
        "2026/01/02",
        "2026/1/2",
        "2026. 1. 2.",
        "2026.01.02",
        "20260102",
        "2026년 1월 2일",
        date(2026, 1, 2),
        20260102,
        20260102.0,
        np.datetime64("2026-01-02"),
    ],
    ids=str,
)
def test_a_day_holds_as_a_whole(day: Any) -> None:
    assert entry(valid_from=day).valid_from == DAY
    assert entry(valid_until=day).valid_until == DAY + timedelta(days=1)


@pytest.mark.parametrize(
    "time",
    [
        "2026-01-02 09:30",
        "2026-01-02T09:30:00+09:00",
        "2026/01/02 9:30:00",
        "2026-01-02 오전 9:30:00",
        "2026년 1월 2일 09시 30분 00초",
        "2026년 1월 2일 오전 9시 30분",
        "2026. 1. 2. 오전 9:30",
        "2026-01-02 오전 9:30:00.000",
        "2026/01/02 09:30:00.000",
        "2026.01.02 09:30:00+09:00",
        "2026/1/2T00:30Z",
        "20260102T093000+0900",
        "2026-01-02T00:30:00Z",
        "20260102093000",
        "202601020930",
        20260102093000,
        "20260102 09:30",
        np.datetime64("2026-01-02T09:30", "ns"),
        pd.Timestamp("2026-01-02 09:30"),
        np.datetime64("2026-01-02T09:30"),
        datetime(2026, 1, 2, 0, 30, tzinfo=UTC),
    ],
    ids=str,
)
def test_times(time: Any) -> None:
    moment = DAY + timedelta(hours=9, minutes=30)
    assert (entry(valid_from=time).valid_from, entry(valid_until=time).valid_until) == (moment, moment)


@pytest.mark.parametrize(
    "midnight",
    [
        "2026-12-31 24:00",
        "2026-12-31 24:00:00",
        "2026-12-31T24:00:00+09:00",
        "2026. 12. 31. 24:00",
        "2026년 12월 31일 24:00",
        "20261231240000",
        "2027-01-01 00:00",
    ],
)
def test_24_hours_are_the_next_midnight(midnight: str) -> None:
    assert entry(valid_until=midnight).valid_until == datetime(2027, 1, 1, tzinfo=KOREAN_TIME)


def test_24_hours_of_the_last_day_there_is() -> None:
    until = entry(valid_until="9999-12-31 24:00").valid_until
    assert until is not None
    assert until.year == 9999


@pytest.mark.parametrize("serial", ["46387", 46387, 46387.0, "46387.5", Decimal(46387)], ids=str)
def test_a_serial_number_in_a_column_of_dates_is_told(serial: Any) -> None:
    with pytest.raises(pw.EntryError, match="looks like an Excel serial date; format the column as a date"):
        entry(valid_until=serial)


def test_the_last_day_there_is_and_another_zone() -> None:
    (forever,) = pw.Hotlist.from_records([{"plate": "12가3456", "valid_until": "9999-12-31"}])
    matcher = pw.Matcher(pw.Hotlist([forever]), max_edits=0)
    assert matcher.match("12가3456", at=datetime(9999, 12, 31, tzinfo=UTC))
    (there,) = pw.Hotlist.from_records([{"plate": "12가3456", "valid_from": "2026-01-02"}], zone="America/New_York")
    assert there.valid_from == datetime(2026, 1, 2, 5, tzinfo=UTC)
    with pytest.raises(ValueError, match="not a time zone"):
        pw.Hotlist.from_records([], zone="Nowhere/City")


BROKEN: list[Any] = [
    *("1.23E+06", "1234567.0", "#N/A", "#REF!", "2026-03-01", "3-Mar", "Mar-26"),
    *(1234567.0, date(2026, 3, 1), pd.Timestamp("2026-03-01")),
]


@pytest.mark.parametrize("plate", BROKEN, ids=str)
def test_what_spreadsheets_make_of_plates_is_told(plate: Any) -> None:
    (error,) = pw.Hotlist.from_records([{"plate": plate}], strict=False).report.errors
    assert (error.row, error.field) == (0, "plate")
    assert "spreadsheet" in error.reason


@pytest.mark.parametrize("plate", ["MAR-26", "3E5", "12-34-AB", "20-26-03", "1E12"])
def test_plates_that_are_nearly_so(plate: str) -> None:
    assert pw.Hotlist.from_records([{"plate": plate}]).report.errors == []


@pytest.mark.parametrize(
    "bad",
    [
        {"valid_from": "gestern"},
        {"valid_from": 5},
        {"valid_from": "2026010211200"},
        {"valid_from": "2026-12-31 24:01"},
        {"valid_from": "2026-01-01 오전 13:00"},
        {"valid_from": np.datetime64(2**62, "s")},
        {"valid_until": pa.scalar(2**62, pa.timestamp("s"))},
        {"id": 10**5000},
        {"category": -(10**5000)},
        {"priority": Fraction(10**400, 3)},
        {"weight": Fraction(10**400, 3)},
        {"note": Fraction(10**400, 3)},
        {"valid_until": "2026-13-01"},
        {"priority": "first"},
        {"priority": 1.5},
        {"weight": [1]},
        {"weight": -math.inf},
        {"match": "sometimes"},
        {"category": b"x"},
        {"category": ["a"]},
        {"plate": ["12가3456"]},
        {"plate": np.array([1, 2])},
        {"id": True},
        {"note": object()},
    ],
    ids=lambda bad: next(iter(bad)),
)
def test_one_bad_value_is_an_error_of_its_row(bad: dict[str, Any]) -> None:
    (field,) = bad
    hotlist = pw.Hotlist.from_records(
        [{"id": "G", "plate": "34나5678"}, {"id": "A", "plate": "12가3456"} | bad], strict=False
    )
    assert [(error.row, error.field) for error in hotlist.report.errors] == [(1, field)]
    with pytest.raises(pw.EntryError):
        pw.Hotlist([pw.Entry(**({"id": "A", "plate": "12가3456"} | bad))])  # also where nobody has looked before


@pytest.mark.parametrize("nothing", NOTHING, ids=repr)
@pytest.mark.parametrize("field", FIELDS)
def test_what_is_blank_is_no_value_of_an_entry_either(field: str, nothing: Any) -> None:
    (made,) = pw.Hotlist([pw.Entry(**({"id": "A", "plate": "12가3456", field: nothing}))])
    assert made == pw.Entry(id="A", plate="12가3456")


@pytest.mark.parametrize("number", [0, -1, 3, True])
def test_a_number_that_is_no_column(tmp_path: Path, number: Any) -> None:
    path = tmp_path / "list.csv"
    path.write_text("id,plate\n1,12가3456\n", "utf-8")
    with pytest.raises(pw.PlatewatchError, match=r"columns\.plate"):
        pw.Hotlist.load(path, columns={"plate": number})


def test_text_is_nfc_on_both_sides() -> None:
    nfd = "살인"
    assert entry(category=nfd).category == "살인"


def test_an_entry_may_ask_to_match_exactly() -> None:
    hotlist = pw.Hotlist([pw.Entry(id="E", plate="12가3456", match="exact"), pw.Entry(id="F", plate="12가3457")])
    matcher = pw.Matcher(hotlist, max_edits=2)
    assert [m.entry_id for m in matcher.match("12가3456")] == ["E", "F"]
    assert [m.entry_id for m in matcher.match("12가3450")] == ["F"]
    batch = matcher.match_batch(["12가3456", "12가3450"])
    assert [(int(r), batch.entry_ids[int(e)]) for r, e in zip(batch.read, batch.entry, strict=True)] == [
        (0, "E"),
        (0, "F"),
        (1, "F"),
    ]
    matcher.add(pw.Entry(id="F", plate="12가3457", match="exact"))
    assert matcher.match("12가3450") == []
    assert [m.entry_id for m in matcher.match_pass(["12가3450", "12가3456"])] == ["E"]


class WithoutRepr:
    def __repr__(self) -> str:
        raise RuntimeError("nobody's business")

    __str__ = __repr__

    def __ne__(self, other: object) -> bool:
        raise RuntimeError("not to be compared")


@pytest.mark.parametrize("field", pw.Entry.__struct_fields__)
def test_a_value_that_cannot_be_shown_is_an_error_of_its_row(field: str) -> None:
    record = {"id": "A", "plate": "12가3456", field: WithoutRepr()}
    (error,) = pw.Hotlist.from_records([record], strict=False).report.errors
    assert (error.row, error.field) == (0, field)
    assert "(value: of type WithoutRepr)" in str(error)


class Zone(tzinfo):
    def __init__(self, problem: Exception | None) -> None:
        self._problem = problem

    def __repr__(self) -> str:
        return f"Zone({self._problem!r})"

    def utcoffset(self, when: datetime | None) -> timedelta | None:
        if self._problem is not None:
            raise self._problem
        return None

    def dst(self, when: datetime | None) -> timedelta | None:
        return None

    def tzname(self, when: datetime | None) -> str | None:
        return None


def test_a_zone_without_an_offset_is_none() -> None:
    when = datetime(2026, 1, 2, tzinfo=Zone(None))
    made = entry(valid_from=when, valid_until=datetime(2026, 1, 2, 1, tzinfo=KOREAN_TIME))
    assert made.valid_from == DAY
    assert pw.Matcher(pw.Hotlist([made])).match("12가3456", at=DAY)
    with pytest.raises(pw.EntryError, match="valid_from: has a time zone that gives no offset"):
        entry(valid_from=when.replace(tzinfo=Zone(RuntimeError())))


@pytest.mark.parametrize("zone", [5, "", "Nowhere/City", Zone(None), Zone(RuntimeError())], ids=repr)
def test_what_is_no_zone(zone: Any) -> None:
    with pytest.raises(pw.PlatewatchError, match="not a time zone such as Asia/Seoul"):
        pw.Hotlist.from_records([{"plate": "12가3456"}], zone=zone)


# ---------------------------------------------------------------------- tables in memory

COLUMNS = {
    "차량번호": ["12가3456", "34나5678", None],
    "우선순위": [1, None, 3],
    "만료일": [date(2026, 1, 1), None, None],
}


def tables() -> dict[str, Any]:
    frame = pd.DataFrame(COLUMNS)
    arrow = pa.table(COLUMNS)
    connection = duckdb.connect()
    connection.register("wanted", arrow)
    other = duckdb.connect()
    other.register("wanted", arrow)
    return {
        "pandas": frame,
        "polars": pl.DataFrame(COLUMNS),
        "polars lazy": pl.DataFrame(COLUMNS).lazy(),
        "pyarrow": arrow,
        "record batch": arrow.to_batches()[0],
        "reader": arrow.to_reader(),
        "duckdb": connection.sql("select * from wanted"),
        "cursor": other.execute("select * from wanted"),
    }


@pytest.mark.parametrize("kind", tables())
def test_tables_of_other_libraries(kind: str) -> None:
    hotlist = pw.Hotlist.from_table(tables()[kind], strict=False)
    assert [(e.id, e.priority) for e in hotlist] == [("12가3456", 1), ("34나5678", None)]
    assert hotlist["12가3456"].valid_until == datetime(2026, 1, 2, tzinfo=KOREAN_TIME)
    assert [(error.row, error.field, error.reason) for error in hotlist.report.errors] == [(2, "plate", "missing")]


def test_a_table_without_names_and_one_with_a_mapping() -> None:
    frame = pd.DataFrame([["x", "12가3456"], ["y", "34나5678"]])
    assert [e.plate for e in pw.Hotlist.from_table(frame)] == ["12가3456", "34나5678"]
    named = pd.DataFrame({"a": ["AB-12-CD"], "b": ["EF-34-GH"]})
    assert [e.plate for e in pw.Hotlist.from_table(named, columns={"plate": "b"})] == ["EF34GH"]
    with pytest.raises(TableError, match="no column can be told to be the plate"):
        pw.Hotlist.from_table(named)


def test_a_time_that_python_does_not_have_costs_its_row() -> None:
    plates = ["12가3456", "34나5678", "56다7890"]
    beyond = pa.array([0, 2**62, None], pa.timestamp("s"))
    for table in (
        pa.table({"plate": plates, "valid_from": beyond}),
        pd.DataFrame({"plate": plates, "valid_from": np.array([0, 2**40, "NaT"], "datetime64[s]")}),
    ):
        hotlist = pw.Hotlist.from_table(table, strict=False)
        assert [e.plate for e in hotlist] == ["12가3456", "56다7890"]
        assert [(error.row, error.field) for error in hotlist.report.errors] == [(1, "valid_from")]


def test_a_table_whose_first_row_goes_on_with_its_header() -> None:
    frame = pd.DataFrame([["번호", "차종", None], ["12가3456", "소나타", "x"]], columns=["차량", "", "비고"])
    hotlist = pw.Hotlist.from_table(frame)
    assert [(e.plate, e.note) for e in hotlist] == [("12가3456", "x")]
    assert hotlist.report.notes == ["the header is in names and row 0"]


def test_only_tables_have_totals() -> None:
    records: list[dict[str, Any]] = [{"id": 1, "plate": "12가3456"}, {"id": "합계", "plate": None}]
    hotlist = pw.Hotlist.from_table(pd.DataFrame(records))
    assert (len(hotlist), hotlist.report.rows, hotlist.report.errors) == (1, 1, [])
    assert hotlist.report.notes == ["row 1 is a total and no entry"]
    (error,) = pw.Hotlist.from_records(records, strict=False).report.errors
    assert (error.row, error.field, error.reason) == (1, "plate", "missing")


def test_midnight_in_a_table_is_a_day() -> None:
    for until in (pd.to_datetime(["2026-01-01"]), [datetime(2026, 1, 1)]):  # noqa: DTZ001
        (made,) = pw.Hotlist.from_table(pd.DataFrame({"plate": ["12가3456"], "valid_until": until}))
        assert made.valid_until == datetime(2026, 1, 2, tzinfo=KOREAN_TIME)


def test_ids_of_databases_and_rows_that_are_mappings() -> None:
    number = UUID("12345678-1234-5678-1234-567812345678")
    assert entry(id=number).id == str(number)
    connection = sqlite3.connect(":memory:")
    connection.row_factory = lambda cursor, row: dict(zip([c[0] for c in cursor.description], row, strict=True))
    rows = connection.execute("select 'A' as id, '12가3456' as plate")
    assert [(e.id, e.plate) for e in pw.Hotlist.from_table(rows)] == [("A", "12가3456")]


@pytest.mark.parametrize("encoding", ["idna", "punycode", "unicode_escape", "rot13", "base64", "martian"])
def test_an_encoding_that_is_none_of_text(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"id,plate\n1,AB\\x1\xff\n")
    with pytest.raises(pw.PlatewatchError):
        pw.Hotlist.load(path, encoding=encoding)


def test_what_is_no_table_and_no_records_says_what_to_use() -> None:
    for frame in (pd.DataFrame(COLUMNS), pl.DataFrame(COLUMNS), pa.table(COLUMNS)):
        with pytest.raises(TypeError, match=r"use Hotlist\.from_table"):
            pw.Hotlist.from_records(frame)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"for a file use Hotlist\.load"):
        pw.Hotlist.from_records("wanted.csv")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="put it into a list"):
        pw.Hotlist.from_records({"plate": "12가3456"})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="not list"):
        pw.Hotlist.from_table([{"plate": "12가3456"}])


# ---------------------------------------------------------------------- the list as a whole


def test_a_list_is_refused_where_nothing_or_too_little_of_it_is_usable() -> None:
    good = [{"plate": f"12가{number:04d}"} for number in range(99)]
    assert len(pw.Hotlist.from_records([*good, {"plate": "--"}])) == 99
    with pytest.raises(HotlistError, match=r"2 of 101 rows are bad, 1\.98 % where at most 1 % may be") as caught:
        pw.Hotlist.from_records([*good, {"plate": "--"}, {}])
    assert (caught.value.row, caught.value.field, len(caught.value.errors)) == (99, "plate", 2)
    assert len(pw.Hotlist.from_records([*good, {"plate": "--"}, {}], strict=False)) == 99
    assert len(pw.Hotlist.from_records([*good, {"plate": "--"}, {}], max_bad_share=0.02)) == 99
    with pytest.raises(HotlistError, match="no usable entry in 1 rows"):
        pw.Hotlist.from_records([{"plate": "--"}], max_bad_share=1)
    with pytest.raises(ValueError, match="max_bad_share"):
        pw.Hotlist.from_records(good, max_bad_share=2)
    assert len(pw.Hotlist.from_records([])) == 0


def test_repeated_ids_are_told_where_they_have_other_plates() -> None:
    rows = [{"id": 1, "plate": "12가3456"}, {"id": 2, "plate": "34나5678"}]
    again = [{"id": 1, "plate": "12 가 3456"}, {"id": 2, "plate": "56다7890"}, {"id": 2, "plate": "78라9012"}]
    report = pw.Hotlist.from_records(rows + again).report
    assert (report.duplicates, list(report.repeats)) == (3, [("2", (1, 3, 4))])
    assert list(repeats(report)) == ["id '2' stands in rows 1, 3, 4 with different plates: the last is used"]


def test_errors_are_shown_ten_of_a_kind() -> None:
    bad = [{"plate": "--"}] * 25 + [{"plate": "12가3456", "weight": -1}]
    shown = list(few_of_a_kind(pw.Hotlist.from_records(bad, strict=False).report.errors))
    assert len(shown) == 12
    assert shown[-1] == "15 more: plate: no letter or digit"


def test_what_is_questionable_about_a_list() -> None:
    plates = ["12가3456", "52바3108", "AB12CDE", "123다4567", "123나4567", "123나4507"]
    plates += ["*1", "1??????", "*345*", "*1*2*3*", "12가34*", "[123][123]가?4?6"]
    hotlist = pw.Hotlist.from_plates(plates)
    hotlist.add(pw.Entry(id="old", plate="99허9999", valid_until=datetime(2020, 1, 1, tzinfo=UTC)))
    assert {what: (count, set(ids)) for what, count, ids in findings(hotlist)} == {
        "commercial plates without region": (1, {"52바3108"}),
        "plates of no known class": (1, {"AB12CDE"}),
        "one look-alike symbol apart from another entry": (2, {"123다4567", "123나4567"}),
        "patterns that admit too much": (4, {"*1", "1??????", "*345*", "*1*2*3*"}),
        "no longer valid": (1, {"old"}),
    }


# ---------------------------------------------------------------------- cameras follow the same rules


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("camera_id,name,latitude\nG1,시청,35.1\n", "utf-8"),
        ("Camera ID; Name ; Latitude\n G1 ; 시청 ; 35.1 \n", "utf-8-sig"),
        ("카메라번호;설치장소;위도\nG1;시청;35.1\n", "cp949"),
    ],
)
def test_cameras_are_read_as_lists_are(tmp_path: Path, text: str, encoding: str) -> None:
    path = tmp_path / "cameras.csv"
    path.write_bytes(text.encode(encoding))
    ((camera, *_),) = cameras.load(path)
    assert (camera.id, camera.name, camera.latitude) == ("G1", "시청", 35.1)
