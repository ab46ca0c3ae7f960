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
from platewatch.matching.values import KOREAN_TIME, converters, identifier, is_blank, plate

CHUNK: Final = 10_000  # rows that are worked on together
_MOST_TOLD: Final = 5  # rows of a kind
_REMEMBERED: Final = 10_000  # different values of a column

RecordRow: TypeAlias = "tuple[int, Mapping[str, Any] | EntryError]"
"""A row of a source: its number, and its values by the name of their column or what is wrong with it."""

CellRow: TypeAlias = "tuple[int, Sequence[object] | EntryError]"
"""A row of a table: its number, and its cells or what is wrong with it."""

_BETWEEN = re.compile(r"[\s,;/|()\[\]]+")
_LONGEST = 40  # code points
_PLATE_SYMBOLS = range(4, 11)  # of what looks like a plate
_NEVER_ON_PLATES = frozenset(":/@%\\<>=")
# Rows below the vehicles, which say how many they are, or that there are no more.
_TOTAL = re.compile(
    r"(?:(?:합 ?계|총 ?계|소 ?계|누 ?계|계|총)[\s:]*[\d,]*\s*(?:건|대|명|개)?|[-=<\s]*(?:이하 ?여백|끝)[-=>.\s]*)"
)
_TOTAL_IN_LATIN = re.compile(r"(?:grand |sub)?total[\s:]*[\d,]*|sum|end(?: of (?:list|file))?", re.IGNORECASE)
_TOTAL_OR_COUNT = re.compile(rf"{_TOTAL.pattern}|[\d,]+\s*(?:건|대|명|개)?")
_NO_ENTRY = "a total and no entry"
_TOTALS_BEGIN = frozenset("합총소누계이끝")
_NUMBER_IN_A_LIST = re.compile(r"[A-Za-z]{1,3}[-_#]?0\d*")  # A001


def is_korean_plate(value: object) -> bool:
    """Of a class that has letters: nothing else looks so."""
    try:
        text = plate(value)
        return text is not None and parse(text).kind not in ("unknown", "temporary")
    except (TypeError, ValueError, PlatewatchError):
        return False


def looks_like_plate(value: object) -> bool:
    """A Korean plate, or letters of another script and digits, as many as plates have; or a pattern of such."""
    if not isinstance(value, str) or len(value) > _LONGEST or not _NEVER_ON_PLATES.isdisjoint(value):
        return False
    if is_korean_plate(value):
        return True
    try:
        text = plate(value)
        if text is None:
            return False
        symbols = normalize(text, read=True)
    except (TypeError, ValueError, PlatewatchError):
        return False
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
            "plate,차량번호,자동차등록번호,차량등록번호,자동차번호,번호판,번호판번호,차량번호판,자동차번호판,등록번호,"
            "차번호,차번,수배차량,"
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
            "organisation,organization,office,station"
        ),
        "note": (
            "note,notes,비고,메모,설명,특이사항,참고사항,참고,내용,remark,remarks,comment,comments,description,"
            "memo,details"
        ),
        "weight": "weight,가중치",
        "match": (
            "match,match strategy,match type,match mode,matching,일치,일치방식,일치방법,매칭,매칭방식,대조방식,비교방식"
        ),
        "covert": "covert,비공개,비공개여부,대외비,비밀,비밀여부,secret,confidential",
        "approved_by": (
            "approved by,승인자,승인관,승인권자,결재자,결재권자,approver,approving officer,authorised by,authorized by"
        ),
        "legal_basis": "legal basis,법적근거,근거법령,근거조항,근거,legal ground,statute",
    },
    needed="plate",
    looks_right=looks_like_plate,
    is_surely=is_korean_plate,
    order=Entry.__struct_fields__[:9],
    fits=_fits,
)


class Records:
    """Mappings with the names of columns, as entries. `columns` maps fields to names; see Hotlist.load.

    `notes` says what of the names was not plain.
    """

    def __init__(self, columns: Mapping[str, str | int] | None = None, zone: tzinfo = KOREAN_TIME) -> None:
        self._given = ENTRY_COLUMNS.checked(columns)
        self._columns = _Converters(zone)
        self._makers: dict[tuple[object, ...], _Maker] = {}  # by the keys of a record
        self.notes: dict[str, None] = {}

    def entries(self, rows: Iterable[RecordRow]) -> Iterator[Row]:
        """Each record's entry, or what is wrong with it."""
        return _entries(rows, self._maker)

    def _maker(self, record: object) -> _Maker:
        if not isinstance(record, Mapping):
            raise EntryError("not a mapping of fields", value=type(record).__name__)
        keys = tuple(record)
        maker = self._makers.get(keys)
        if maker is None:
            names = [key if isinstance(key, str) else "" for key in keys]
            layout = field_names(ENTRY_COLUMNS, names, self._given)
            self.notes.update(dict.fromkeys(layout.notes))
            places = {field: keys[place] for field, place in layout.places.items()}
            maker = self._makers[keys] = _Maker(places, self._columns, [keys[place] for place in layout.spare])
        return maker


def entries_of_cells(rows: Iterable[CellRow], layout: Layout, zone: tzinfo = KOREAN_TIME) -> Iterator[Row]:
    """Each row's entry, or what is wrong with it; `layout` says what stands where."""
    maker = _Maker(layout.places, _Converters(zone), layout.spare)
    if layout.by_content:
        rows = _without_remarks(rows, layout.places["plate"])
    return _entries(rows, lambda _: maker, layout.notes)


def _without_remarks(rows: Iterable[CellRow], place: int) -> Iterator[CellRow]:
    """Of a table in which no header says what is a plate, what has no digit is none."""
    for number, cells in rows:
        cell = cells[place] if not isinstance(cells, EntryError) and place < len(cells) else None
        if (
            isinstance(cell, str)
            and cell.strip()
            and not any(map(str.isdecimal, cell))
            and not _TOTAL.fullmatch(cell.strip())
        ):
            reason = "no digit in it, and no header says that this column is the plate"
            yield number, EntryError(reason, field="plate", value=cell)
        else:
            yield number, cells


def _entries(
    rows: Iterable[tuple[int, Any]], maker_of: Callable[[Any], _Maker], notes: list[str] | None = None
) -> Iterator[Row]:
    rows = iter(rows)
    totals: list[int] = []
    while chunk := list(islice(rows, CHUNK)):
        makers: list[_Maker | EntryError] = []
        for _, row in chunk:
            try:
                makers.append(row if isinstance(row, EntryError) else maker_of(row))
            except EntryError as error:
                makers.append(error)
        # Of plates as nearly all are, many at once; the others one by one.
        pairs = zip(chunk, makers, strict=True)
        plates = [None if isinstance(maker, EntryError) else maker.plate(row) for (_, row), maker in pairs]
        canonical, _, _ = canonical_plates(plates)
        for (number, row), maker, given, known in zip(chunk, makers, plates, canonical, strict=True):
            if isinstance(maker, EntryError):
                yield number, maker
                continue
            try:
                yield number, maker.plain(row, known) if known is not None and known == given else maker.entry(row)
            except EntryError as error:
                if maker.is_total(row):
                    totals.append(number)
                else:
                    yield number, error
    if totals and notes is not None:
        shown = ", ".join(map(str, totals[:_MOST_TOLD])) + (", ..." if len(totals) > _MOST_TOLD else "")
        notes.append(
            f"rows {shown} are totals and no entries" if totals[1:] else f"row {shown} is a total and no entry"
        )


class _Converters:
    """What makes values of cells. A list has few different categories, dates and agencies: those are remembered."""

    def __init__(self, zone: tzinfo) -> None:
        self.plain = converters(zone)
        self.remembering = {field: self._remembering(convert) for field, convert in self.plain.items()}
        self.remembering["id"] = identifier  # all different

    @staticmethod
    def _remembering(convert: Callable[[object], Any]) -> Callable[[object], Any]:
        remembered = lru_cache(_REMEMBERED)(convert)
        return lambda value: remembered(value) if isinstance(value, str) else convert(value)


class _Maker:
    """Makes entries of rows with the same columns: sequences, in which `places` are numbers, or mappings."""

    def __init__(self, places: Mapping[str, Any], convert: _Converters, spare: Sequence[Any] = ()) -> None:
        self._places = places
        self._spare = spare
        self._convert = convert
        self._others = [(field, at, convert.remembering[field]) for field, at in places.items() if field != "plate"]
        self._has_id = "id" in places
        self._has_plate = "plate" in places
        self._plate_at = places.get("plate")

    def plate(self, row: Any) -> object:
        if not self._has_plate:
            return None
        cell = self._cell(row, self._plate_at)
        if self._spare and is_blank(cell):
            others = (self._cell(row, at) for at in self._spare)
            return next((other for other in others if looks_like_plate(other)), cell)
        return cell

    def is_total(self, row: Any) -> bool:
        """Whether a row that makes no entry counts the others, or ends them."""
        if isinstance(row, Mapping) or not self._may_be_total(self.plate(row)):  # only tables are summed up
            return False
        first = next((cell for cell in row if not is_blank(cell)), None)
        if not isinstance(first, str):
            return False
        return bool(
            _TOTAL.fullmatch(first.strip())
            or (first is not self.plate(row) and _TOTAL_IN_LATIN.fullmatch(first.strip()))  # TOTAL1 may be a plate
        )

    @staticmethod
    def _may_be_total(plate: object) -> bool:
        return is_blank(plate) or (isinstance(plate, str) and bool(_TOTAL_OR_COUNT.fullmatch(plate.strip())))

    def plain(self, row: Any, plate: str) -> Entry:
        """Of a row whose plate is canonical as it stands there. Raises EntryError."""
        if (plate.isdecimal() or plate[0] in _TOTALS_BEGIN) and self.is_total(row):
            raise EntryError(_NO_ENTRY, field="plate", value=plate)
        values: dict[str, Any] = {"id": plate, "plate": plate}
        for field, at, convert in self._others:
            try:
                cell = row[at]
            except IndexError:  # a short row
                cell = None
            try:
                value = convert(cell)
            except (TypeError, ValueError) as error:
                raise EntryError(str(error), field=field, value=cell) from None
            if value is not None:
                values[field] = value
            elif field == "id":
                raise EntryError("missing", field="id")
        if "valid_until" in values:
            check_window(values.get("valid_from"), values["valid_until"])
        return Entry(**values)

    def entry(self, row: Any) -> Entry:
        """Of any row. Raises EntryError."""
        values = {field: self._cell(row, at) for field, at in self._places.items()}
        if "plate" not in values:
            raise EntryError("missing", field="plate")
        values["plate"] = self.plate(row)
        if self.is_total(row):
            raise EntryError(_NO_ENTRY, field="plate", value=values["plate"])
        if not self._has_id:
            values["id"] = _plate_as_id(values["plate"])
        entry = from_values(values, self._convert.plain)
        if _is_glued(values["plate"], entry.plate):
            raise EntryError("a plate and something else in one cell", field="plate", value=values["plate"])
        return entry

    @staticmethod
    def _cell(row: Any, at: Any) -> object:
        try:
            return row[at]
        except IndexError:
            return None


def _is_glued(cell: object, canonical: str) -> bool:
    """`12가3456 도난`, `12가3456, 34나5678`: a Korean plate in front, and all together none."""
    if not isinstance(cell, str) or is_pattern(cell) or is_korean_plate(canonical):
        return False
    parts = [part for part in _BETWEEN.split(cell) if part]
    return any(is_korean_plate("".join(parts[:count])) for count in range(1, len(parts)))


def _plate_as_id(given: object) -> str:
    """What the id is where a list has none: the canonical plate. Raises EntryError."""
    try:
        text = plate(given)
    except (TypeError, ValueError) as error:
        raise EntryError(str(error), field="plate", value=given) from None
    if text is None:
        raise EntryError("missing", field="plate")
    return canonical_plate(text)
