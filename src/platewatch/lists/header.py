"""Which column of a table is which: by a header in the words that people use, a mapping, or what stands there."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice, zip_longest
from typing import Final

from platewatch.errors import PlatewatchError, TableError, quoted
from platewatch.matching.values import is_blank

NAMES: Final = -1  # the number of what stands above the rows of a table in memory
SAMPLE: Final = 200  # rows that are looked at
MOST_TITLES: Final = 20  # rows above a header
_MOST_SHOWN: Final = 5  # lines in an error
_MOST_CELLS: Final = 12  # of each


def plain(name: str) -> str:
    """A column's name as it is compared: without case, blanks and marks."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(c for c in folded if c.isalnum()) or folded.strip()


@dataclass(frozen=True)
class Columns:
    """The columns that a kind of table has.

    `names`: of each field, separated by commas, the most telling first. `needed` is the field without which a table
    is none of the kind; `looks_right` says of a cell whether it may be it, and so of a table without a header which
    column is; `is_surely`, whether it can be nothing else. `order` is that of the fields in a table without a header,
    as far as `fits` says that a cell may be of the field.
    """

    names: Mapping[str, str]
    needed: str
    looks_right: Callable[[object], bool] | None = None
    is_surely: Callable[[object], bool] = lambda cell: False
    order: Sequence[str] = ()
    fits: Callable[[str, object], bool] = lambda field, cell: True

    @cached_property
    def known(self) -> dict[str, tuple[str, int]]:
        """The field and the rank of each name."""
        known: dict[str, tuple[str, int]] = {}
        for name, others in self.names.items():
            for rank, other in enumerate([name, *others.split(",")]):
                known.setdefault(plain(other), (name, rank))
        return known

    def checked(self, mapping: Mapping[str, str | int] | None) -> dict[str, str | int]:
        """A user's mapping of fields to the names or numbers (from 1) of columns. Raises PlatewatchError."""
        if mapping is not None and not isinstance(mapping, Mapping):
            raise TypeError("columns is a mapping of fields to the names or numbers of columns")
        for name, column in (mapping or {}).items():
            if name not in self.names:
                raise PlatewatchError(f"no such field: the fields are {', '.join(self.names)}", field=f"columns.{name}")
            if (
                isinstance(column, bool)
                or not isinstance(column, str | int)
                or column == ""
                or (isinstance(column, int) and column < 1)
            ):
                raise PlatewatchError("neither a column's name nor its number, from 1", field=f"columns.{name}")
        return dict(mapping or {})


@dataclass
class Layout:
    """What stands in which column, by place from 0; how many rows are above the data; and what was not plain."""

    places: dict[str, int]
    width: int = 0
    skip: int = 0
    header: list[list[object]] = field(default_factory=list)  # its rows, which may stand in the middle of a file again
    spare: list[int] = field(default_factory=list)  # other columns that are named as the needed one, the best first
    by_content: bool = False  # the needed column was told by what stands in it
    notes: list[str] = field(default_factory=list)


def field_names(columns: Columns, names: Sequence[str], given: Mapping[str, str | int]) -> Layout:
    """The layout that a header gives; fields that it does not have are not in it."""
    plains = [plain(name) for name in names]
    places: dict[str, int] = {}
    notes: list[str] = []
    for name, column in given.items():
        if isinstance(column, int):
            if column <= len(names):
                places[name] = column - 1
        elif plain(column) in plains:
            places[name] = plains.index(plain(column))
    taken = set(places.values())
    best: dict[str, tuple[int, int]] = {}
    spare: list[tuple[int, int]] = []
    for place, (name, raw) in enumerate(zip(plains, names, strict=True)):
        if place in taken or not name or (found := columns.known.get(name) or _in_brackets(columns, raw)) is None:
            continue
        of, rank = found
        if of in given:
            continue
        if of in best:
            lost, kept = max((rank, place), best[of]), min((rank, place), best[of])
            used = "not used"
            if of == columns.needed:
                spare.append(lost)
                used = "used only where the other is blank"
            notes.append(f"column {names[lost[1]].strip()!r} is {used}: {names[kept[1]].strip()!r} is taken for {of}")
        best[of] = min((rank, place), best.get(of, (rank, place)))
    places.update({name: place for name, (_, place) in best.items()})
    ordered = {name: places[name] for name in columns.names if name in places}
    return Layout(ordered, len(names), spare=[place for _, place in sorted(spare)], notes=notes)


def _in_brackets(columns: Columns, name: str) -> tuple[str, int] | None:
    """번호판(차량번호), Plate [text]: what stands in front of a bracket, or in it."""
    for opening, closing in ("()", "[]", "（）"):
        front, found, rest = name.partition(opening)
        if found:
            inside = rest.partition(closing)[0]
            return columns.known.get(plain(front)) or columns.known.get(plain(inside))
    return None


def understand(
    rows: Sequence[tuple[int, Sequence[object]]], columns: Columns, mapping: Mapping[str, str | int] | None = None
) -> Layout:
    """What the first rows of a table, by number, say of its columns. Raises PlatewatchError that shows them."""
    given = columns.checked(mapping)
    sample = rows[:SAMPLE]
    width = max((len(cells) for _, cells in sample), default=0)
    for name, column in given.items():
        if isinstance(column, int) and column > width:
            raise TableError(f"there are {width} columns", field=f"columns.{name}", lines=_shown(sample))
    by_header = _by_header(sample, columns, given)
    if by_header is not None:
        if columns.needed not in given:
            _believe(by_header, sample, columns)
        return by_header
    for name, column in given.items():
        if isinstance(column, str):
            raise TableError(f"no column is named {column!r}", field=f"columns.{name}", lines=_shown(sample))
    by_number = {name: column - 1 for name, column in given.items() if isinstance(column, int)}
    if columns.needed in by_number:
        return _below_titles(by_number, sample, columns)
    by_content = _by_content(sample, columns)
    if by_content is not None:
        return by_content
    if not sample:
        raise TableError("the table is empty")
    if columns.looks_right is None:
        raise TableError(f"needs a header with the column {columns.needed}", lines=_shown(sample))
    raise TableError(
        f"no column can be told to be the {columns.needed}: give the table a header, or say which column it is"
        f" (columns={{{columns.needed!r}: ...}}, --columns {columns.needed}=...)",
        lines=_shown(sample),
    )


def _by_header(
    rows: Sequence[tuple[int, Sequence[object]]], columns: Columns, given: Mapping[str, str | int]
) -> Layout | None:
    """Of the first rows, the one that names most columns, and the needed one among them."""
    best: Layout | None = None
    at = range(0)  # its rows
    wanted = [name for name, column in given.items() if isinstance(column, str)]
    by_number = len(given) - len(wanted)
    for header, names in _headers(rows, columns):
        layout = field_names(columns, names, given)
        if columns.needed not in layout.places or any(name not in layout.places for name in wanted):
            continue
        if isinstance(given.get(columns.needed), int) and len(layout.places) == by_number:
            continue  # nothing but what was given by number: no header
        cells = [list(rows[place][1]) for place in header]
        if columns.looks_right is not None and any(columns.looks_right(cell) for row in cells for cell in row):
            continue
        more = len(layout.places) - len(best.places) if best is not None else 1
        goes_on = len(header) > 1 and at == header[:1] and all(map(_is_name, cells[-1]))
        if more > 0 or (more == 0 and goes_on):
            layout.skip, layout.header = header[-1] + 1, cells
            best, at = layout, header
    if best is not None and best.skip > 1:
        told = " and ".join(_row(number) for number, _ in rows[best.skip - len(best.header) : best.skip])
        best.notes.insert(0, f"the header is in {told}")
    return best


def _headers(rows: Sequence[tuple[int, Sequence[object]]], columns: Columns) -> Iterator[tuple[range, list[str]]]:
    """What may be a header: the places of its rows and the names. Two of them where cells were merged, in which a name
    stands above or below, or begins above (차량 / 번호).
    """
    above: list[str] = []
    for place, (number, cells) in enumerate(rows[:MOST_TITLES]):
        names = [cell.strip() if isinstance(cell, str) else "" for cell in cells]
        yield range(place, place + 1), names
        if any(above) and number != NAMES:
            pairs = list(zip_longest(above, names, fillvalue=""))
            header = range(place - 1, place + 1)
            yield header, [lower or upper for upper, lower in pairs]
            group, whole = "", []
            for upper, lower in pairs:
                group = upper or group  # it goes on to the right
                whole.append((group + lower, lower or upper))
            yield header, [both if plain(both) in columns.known else one for both, one in whole]
        above = names


def _is_name(cell: object) -> bool:
    """Whether a cell may be of a header's second row."""
    return is_blank(cell) or (isinstance(cell, str) and not any(map(str.isdecimal, cell)))


def _believe(layout: Layout, rows: Sequence[tuple[int, Sequence[object]]], columns: Columns) -> None:
    """Refuses a header whose name for the needed column is belied by what stands there and in another one."""
    data = [cells for _, cells in rows[layout.skip :] if not all(map(is_blank, cells))]
    if columns.looks_right is None or not data:
        return
    place = layout.places[columns.needed]
    if any(place < len(cells) and columns.looks_right(cells[place]) for cells in data):
        return
    sure = [sum(at < len(cells) and columns.is_surely(cells[at]) for cells in data) for at in range(layout.width)]
    others = [at for at, count in enumerate(sure) if 2 * count > len(data)]
    if len(others) == 1:
        raise TableError(
            f"column {place + 1} is named as the {columns.needed}, but what stands in column {others[0] + 1} looks like"
            f" it: say which it is (columns={{{columns.needed!r}: ...}}, --columns {columns.needed}=...)",
            lines=_shown(rows),
        )


def _by_content(rows: Sequence[tuple[int, Sequence[object]]], columns: Columns) -> Layout | None:
    """Of a table without a header whose needed column can be told by what stands in it."""
    if columns.looks_right is None or not rows:
        return None
    width = max(len(cells) for _, cells in rows)
    right = [[place < len(cells) and columns.looks_right(cells[place]) for _, cells in rows] for place in range(width)]
    # Above the first row that has one there may be titles, and a header in words that nobody knows.
    first = next((i for i in range(min(len(rows), MOST_TITLES)) if any(column[i] for column in right)), None)
    if first is None:
        return None
    likely = [place for place, column in enumerate(right) if 2 * sum(column[first:]) > len(rows) - first]
    if len(likely) != 1:
        return None
    place = likely[0]
    layout = Layout({columns.needed: place}, skip=first, by_content=True)
    layout.notes.append(
        f"there is no header: column {place + 1} is taken for the {columns.needed}, by what stands in it"
    )
    if first > 0:
        header = [cell if isinstance(cell, str) else "" for cell in rows[first - 1][1]]
        named = field_names(columns, header, {})
        layout.places = {columns.needed: place} | {n: p for n, p in named.places.items() if p != place}
        layout.notes[-1] = f"column {place + 1} is taken for the {columns.needed}, by what stands in it"
        return layout
    if place < len(columns.order) and columns.order[place] == columns.needed and width <= len(columns.order):
        layout.width = width
        for i, name in enumerate(columns.order[:width]):
            if not all(columns.fits(name, cells[i]) for _, cells in rows if i < len(cells)):
                layout.notes.append(f"columns from {i + 1} on are not used: there is no {name} in column {i + 1}")
                break
            layout.places[name] = i
    return layout


def _below_titles(places: dict[str, int], rows: Sequence[tuple[int, Sequence[object]]], columns: Columns) -> Layout:
    """Of a table without a header that anybody knows, of which is said what stands where."""
    skip = next((i for i, (_, cells) in enumerate(rows[:MOST_TITLES]) if _is_data(cells, places, columns)), 0)
    layout = Layout(places, skip=skip, header=[list(cells) for _, cells in rows[:skip]])
    if skip > 0 and rows[skip - 1][0] != NAMES:
        layout.notes.append(f"the rows above row {rows[skip][0]} are taken for titles")
    return layout


def _is_data(cells: Sequence[object], places: Mapping[str, int], columns: Columns) -> bool:
    """Whether there is something in the needed column that is no title: it looks right, or has a digit."""
    place = places[columns.needed]
    if place >= len(cells) or columns.looks_right is None:
        return place < len(cells)
    cell = cells[place]
    if columns.looks_right(cell):
        return True
    return any(map(str.isdecimal, _short(cell))) and (not isinstance(cell, str) or cell.isascii())


def _shown(rows: Iterable[tuple[int, Sequence[object]]]) -> list[str]:
    shown = islice(rows, _MOST_SHOWN)
    return [f"{_row(number)}: {' | '.join(map(_short, cells[:_MOST_CELLS]))}" for number, cells in shown]


def _row(number: int) -> str:
    return "names" if number == NAMES else f"row {number}"


def _short(cell: object) -> str:
    text = "" if cell is None else cell if isinstance(cell, str) else quoted(cell)
    return text if len(text) <= 30 else text[:29] + "…"
