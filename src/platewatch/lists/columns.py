"""The columns of a list under the names that people give them, and rows of values as entries.

A field's names are in the order in which they are believed: where two columns may be the same field, the one whose
name comes first is, and the other is left out, which the report says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import tzinfo
from functools import lru_cache
from itertools import islice
from typing import Any, Final, TypeAlias

from platewatch._core import canonical_plates, is_pattern, normalize, parse
from platewatch.errors import EntryError, PlatewatchError
from platewatch.lists.header import Columns, Layout, field_names
from platewatch.matching.hotlist import Entry, Row, canonical_plate, check_window, from_values
from platewatch.matching.values import KOREAN_TIME, converters, identifier, plate

CHUNK: Final = 10_000  # rows that are worked on together
_REMEMBERED: Final = 10_000  # different values of a column

RecordRow: TypeAlias = "tuple[int, Mapping[str, Any] | EntryError]"
"""A row of a source: its number, and its values by the name of their column or what is wrong with it."""

CellRow: TypeAlias = "tuple[int, Sequence[object] | EntryError]"
"""A row of a table: its number, and its cells or what is wrong with it."""

_LONGEST = 40  # code points
_PLATE_SYMBOLS = range(4, 11)  # of what looks like a plate
_NEVER_ON_PLATES = frozenset(":/@%\\<>=")
_NUMBER_IN_A_LIST = re.compile(r"[A-Za-z]{1,3}[-_#]?0\d*")  # A001


def looks_like_plate(value: object) -> bool:
    """A Korean plate, or letters of another script and digits, as many as plates have; or a pattern of such."""
    if not isinstance(value, str) or len(value) > _LONGEST or not _NEVER_ON_PLATES.isdisjoint(value):
        return False
    try:
        text = plate(value)
        if text is None:
            return False
        symbols = normalize(text, read=True)
        known = parse(symbols)
    except (TypeError, ValueError, PlatewatchError):
        return False
    if known.kind not in ("unknown", "temporary"):
        return True
    digits = sum(map(str.isdecimal, symbols))
    if is_pattern(text):
        return digits > 0
    hangul = any("가" <= symbol <= "힣" for symbol in symbols)
    return (
        len(symbols) in _PLATE_SYMBOLS
        and 0 < digits < len(symbols)
        and not hangul  # a Korean plate would be of some class
        and not _NUMBER_IN_A_LIST.fullmatch(text)
    )


def _fits(field: str, cell: object) -> bool:
    try:
        _CONVERTERS[field](cell)
    except (TypeError, ValueError):
        return field == "plate"  # a bad plate costs its row
    return True


_CONVERTERS: Final = converters()

ENTRY_COLUMNS: Final = Columns(
    names={
        "id": (
            "id,entryid,entry id,관리번호,사건번호,접수번호,일련번호,연번,순번,번호,caseid,case number,case no,case,"
            "reference,ref,number,no,nr,seq,index,#"
        ),
        "plate": (
            "plate,차량번호,자동차등록번호,차량등록번호,자동차번호,번호판,번호판번호,차량번호판,등록번호,차번호,차번,수배차량,"
            "수배차량번호,대상차량,대상차량번호,plate number,plate no,plate text,license plate,licence plate,"
            "license plate number,licence plate number,license plate no,license number,license no,number plate,"
            "numberplate,registration number,registration no,vehicle registration,vehicle registration number,"
            "registration plate,registration,reg no,reg number,reg,rego,vrm,vrn,lpn,lp,tag number,tag,"
            "vehicle number,vehicle no,car number,car no,kennzeichen,amtliches kennzeichen,immatriculation,plaque,"
            "placa,matricula,targa,kenteken,차량"
        ),
        "category": (
            "category,구분,분류,죄종,사유,종류,유형,수배구분,수배종류,수배유형,수배사유,죄명,type,alert type,"
            "crime,crime type,offence,offense,reason,classification,class,kind"
        ),
        "priority": "priority,우선순위,긴급,긴급도,긴급여부,우선도,중요도,prio,urgency,urgent,level",
        "valid_from": (
            "valid from,시작일,시작일자,시작일시,유효시작일,등록일,등록일자,등록일시,수배일,수배일자,"
            "수배등록일,start date,start,starts,start time,from,effective from,effective date,effective,registered,"
            "registered at,date added,added,created,created at"
        ),
        "valid_until": (
            "valid until,valid to,만료일,만료일자,만료일시,종료일,종료일자,종료일시,해제일,해제일자,해제일시,"
            "유효종료일,만기일,expires,expires at,expiry,expiry date,expiration,expiration date,expire date,"
            "end date,end,ends,end time,until,to"
        ),
        "agency": (
            "agency,기관,기관명,관서,관서명,경찰서,수배관서,담당관서,등록관서,담당기관,요청기관,등록기관,소속,department,"
            "organisation,organization,office,station,owner"
        ),
        "note": (
            "note,notes,비고,메모,설명,특이사항,참고사항,참고,내용,remark,remarks,comment,comments,description,"
            "memo,details"
        ),
        "weight": "weight,가중치",
        "match": (
            "match,match strategy,match type,match mode,matching,일치,일치방식,일치방법,매칭,매칭방식,대조방식,비교방식"
        ),
    },
    needed="plate",
    looks_right=looks_like_plate,
    order=Entry.__struct_fields__[:9],
    fits=_fits,
)


class Records:
    """Values by the names of their columns, as entries. `columns` maps fields to names; see Hotlist.load."""

    def __init__(self, columns: Mapping[str, str | int] | None = None, zone: tzinfo = KOREAN_TIME) -> None:
        self._given = ENTRY_COLUMNS.checked(columns)
        self._fields_of: dict[tuple[object, ...], list[tuple[str, Any]]] = {}  # by the keys of a record
        self._convert = converters(zone)
        self.notes: dict[str, None] = {}

    def entry(self, record: Mapping[str, Any]) -> Entry:
        """Raises EntryError."""
        keys = tuple(record)
        fields = self._fields_of.get(keys)
        if fields is None:
            fields = self._fields_of[keys] = self._understand(keys)
        values = {field: record[key] for field, key in fields}
        if "plate" not in values:
            raise EntryError("missing", field="plate")
        if "id" not in values:
            values["id"] = _plate_as_id(values["plate"])
        return from_values(values, self._convert)

    def _understand(self, keys: Sequence[object]) -> list[tuple[str, Any]]:
        names = [key if isinstance(key, str) else "" for key in keys]
        layout = field_names(ENTRY_COLUMNS, names, self._given)
        self.notes.update(dict.fromkeys(layout.notes))
        return [(field, keys[place]) for field, place in layout.places.items()]


def entries_of_records(rows: Iterable[RecordRow], records: Records) -> Iterator[Row]:
    """Each record's entry, or what is wrong with it."""
    for number, row in rows:
        try:
            if isinstance(row, EntryError):
                yield number, row
            elif isinstance(row, Mapping):
                yield number, records.entry(row)
            else:
                yield number, EntryError("not a mapping of fields", value=type(row).__name__)
        except EntryError as error:
            yield number, error


def entries_of_cells(rows: Iterable[CellRow], layout: Layout, zone: tzinfo = KOREAN_TIME) -> Iterator[Row]:
    """Each row's entry, or what is wrong with it; `layout` says what stands where."""
    convert = converters(zone)
    places = dict(layout.places)
    plate_at = places.pop("plate")
    has_id = "id" in places
    # A list has few different categories, dates and agencies.
    remembered = {field: lru_cache(_REMEMBERED)(convert[field]) for field in places if field != "id"} | {
        "id": identifier
    }
    fields = [(field, place, remembered[field]) for field, place in places.items()]
    rows = iter(rows)
    while chunk := list(islice(rows, CHUNK)):
        # Of plates as nearly all are, many at once; the others one by one.
        plates = [_cell(cells, plate_at) for _, cells in chunk]
        canonical, _, _ = canonical_plates(plates)
        for (number, cells), given, known in zip(chunk, plates, canonical, strict=True):
            if isinstance(cells, EntryError):
                yield number, cells
                continue
            try:
                if known is not None and known == given:
                    values = _values(cells, fields)
                    values["plate"] = known
                    if not has_id:
                        values["id"] = known
                    if "id" in values:
                        check_window(values.get("valid_from"), values.get("valid_until"))
                        yield number, Entry(**values)
                        continue
                raw = {field: _cell(cells, place) for field, place in layout.places.items()}
                if not has_id:
                    raw["id"] = _plate_as_id(given)
                yield number, from_values(raw, convert)
            except EntryError as error:
                yield number, error


def _remembering(convert: Callable[[object], Any]) -> Callable[[object], Any]:
    remembered = lru_cache(_REMEMBERED, typed=True)(convert)

    def call(value: object) -> Any:
        return remembered(value) if isinstance(value, str) else convert(value)

    return call


def _values(cells: Sequence[object], fields: Sequence[tuple[str, int, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    count = len(cells)
    for field, place, convert in fields:
        if place >= count or (cell := cells[place]) == "":
            continue
        try:
            value = convert(cell)
        except (TypeError, ValueError) as error:
            raise EntryError(str(error), field=field, value=cell) from None
        if value is not None:
            values[field] = value
    return values


def _cell(cells: Sequence[object] | EntryError, place: int) -> object:
    return cells[place] if not isinstance(cells, EntryError) and place < len(cells) else None


def _plate_as_id(given: object) -> str | None:
    """What the id is where a list has none: the canonical plate, or what stands there if it has none."""
    try:
        text = plate(given)
    except (TypeError, ValueError) as error:
        raise EntryError(str(error), field="plate", value=given) from None
    if text is None:
        raise EntryError("missing", field="plate")
    return canonical_plate(text)
