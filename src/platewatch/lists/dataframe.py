"""Lists as tables in memory: pandas, polars, pyarrow, DuckDB, DB-API cursors. None of these need be installed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

from platewatch.lists.csv_file import Table
from platewatch.lists.header import NAMES, SAMPLE, Columns, understand
from platewatch.matching.values import as_day

_CHUNK = 10_000


def is_table(value: object) -> bool:
    """Whether it is one of the tables that `read` takes."""
    return _parts(value) is not None


def read(table: object, columns: Columns, mapping: Mapping[str, str | int] | None) -> Table:
    """Rows are numbered from 0. Raises TypeError for what is no table, TableError where the columns cannot be told."""
    parts = _parts(table)
    if parts is None:
        raise TypeError(
            "a table is a pandas or polars DataFrame, a pyarrow Table, a DuckDB relation or a cursor of a database, "
            f"not {type(table).__name__}"
        )
    names, given = parts
    rows = (_cells(row, names) for row in given)
    first = list(islice(rows, SAMPLE))
    sample: list[tuple[int, Sequence[object]]] = [(NAMES, names), *enumerate(first)]
    layout = understand(sample, columns, mapping)
    above = max(layout.skip - 1, 0)  # rows that are no data, beside the names
    return Table(layout, islice(enumerate(chain(first, rows)), above, None))


def _cells(row: Any, names: Sequence[object]) -> list[object]:
    """Of a row that is a sequence, or a mapping as some cursors give."""
    cells = (row.get(name) for name in names) if isinstance(row, Mapping) else row
    return [as_day(cell) for cell in cells]


def _parts(table: Any) -> tuple[list[object], Iterator[Sequence[object]]] | None:
    """The names of the columns, and the rows."""
    if hasattr(table, "collect") and hasattr(table, "lazy"):  # a polars LazyFrame
        table = table.collect()
    if hasattr(table, "iter_rows") and hasattr(table, "columns"):  # polars
        return list(table.columns), iter(table.iter_rows())
    if hasattr(table, "itertuples") and hasattr(table, "columns"):  # pandas
        return list(table.columns), iter(table.itertuples(index=False, name=None))
    if hasattr(table, "to_pydict") and hasattr(table, "schema"):  # pyarrow, a Table or a RecordBatch
        return list(table.schema.names), _arrow_rows(table)
    if hasattr(table, "read_next_batch") and hasattr(table, "schema"):  # a pyarrow RecordBatchReader
        return list(table.schema.names), chain.from_iterable(map(_arrow_rows, table))
    if hasattr(table, "fetchmany"):
        description = getattr(table, "description", None)
        names = [column[0] for column in description] if description else list(getattr(table, "columns", ()))
        return names, chain.from_iterable(iter(lambda: table.fetchmany(_CHUNK), []))
    return None


def _arrow_rows(table: Any) -> Iterator[Sequence[object]]:
    batches: Iterable[Any] = table.to_batches(_CHUNK) if hasattr(table, "to_batches") else [table]
    for batch in batches:
        yield from zip(*map(_arrow_cells, batch.columns), strict=True)


def _arrow_cells(column: Any) -> list[object]:
    try:
        return list(column.to_pylist())
    except (OverflowError, ValueError):  # of one cell, such as a time that Python does not have
        return [_python(scalar) for scalar in column]


def _python(scalar: Any) -> object:
    """What is in a cell; what cannot be is the cell itself, which is then refused with its row."""
    try:
        return scalar.as_py()
    except (OverflowError, ValueError):
        return scalar
