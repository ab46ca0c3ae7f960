"""Hotlists from wherever people keep them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Self

from platewatch.lists import csv_file, jsonl_file
from platewatch.lists.columns import entries
from platewatch.matching.hotlist import EntrySet, Row


class Hotlist(EntrySet):
    """Wanted entries by id, and where they come from."""

    @classmethod
    def from_records(cls, records: Iterable[Mapping[str, Any]], *, strict: bool = False) -> Self:
        """Entries from mappings with the fields of Entry; values may be text. Rows count from 0."""
        return cls._load(entries(enumerate(records)), strict=strict)

    @classmethod
    def from_csv(cls, path: str | Path, *, strict: bool = False, progress: Callable[[int], None] | None = None) -> Self:
        """Entries from a CSV file in UTF-8, CP949, or UTF-16 with a byte order mark; commas, semicolons or tabs.

        With a header the columns may be in any order, and unknown ones are ignored; a file without one has Entry's
        fields in their order. Rows count from 1, the header included, as editors show them.
        `progress` is called with the number of rows read so far, every 10,000 rows.
        Raises PlatewatchError if the header lacks `id` or `plate`.
        """
        return cls._load(
            _with_progress(entries(csv_file.rows(csv_file.decode(Path(path).read_bytes()))), progress), strict=strict
        )

    @classmethod
    def from_jsonl(
        cls, path: str | Path, *, strict: bool = False, progress: Callable[[int], None] | None = None
    ) -> Self:
        """Entries from a file of one JSON object a line. Rows count from 1."""
        with Path(path).open("rb") as lines:
            return cls._load(_with_progress(entries(jsonl_file.rows(lines)), progress), strict=strict)

    @classmethod
    def load(cls, path: str | Path, *, strict: bool = False, progress: Callable[[int], None] | None = None) -> Self:
        """from_jsonl for *.jsonl and *.ndjson, else from_csv."""
        read = cls.from_jsonl if Path(path).suffix.lower() in {".jsonl", ".ndjson"} else cls.from_csv
        return read(path, strict=strict, progress=progress)


def _with_progress(rows: Iterable[Row], progress: Callable[[int], None] | None) -> Iterator[Row]:
    done, source = 0, iter(rows)
    while chunk := list(islice(source, 10_000)):
        yield from chunk
        done += len(chunk)
        if progress is not None:
            progress(done)
