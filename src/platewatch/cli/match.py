"""`platewatch match`: files of reads in, hits out."""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from enum import StrEnum
from io import BufferedReader
from pathlib import Path
from typing import Annotated, Protocol, TextIO, cast

import msgspec
import typer

from platewatch._core import normalize
from platewatch.alignment import Difference, differences
from platewatch.cli.common import errors_to_exit, fail, load_hotlist, plural, progress, side_by_side, stderr
from platewatch.errors import ReadError
from platewatch.hotlist import Entry
from platewatch.matcher import Grade, Matcher, grade
from platewatch.reads import Read, decode_text

_CHUNK_BYTES = 1 << 20


class Format(StrEnum):
    """How hits are written."""

    text = "text"
    jsonl = "jsonl"
    csv = "csv"


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """One line of output."""

    row: int
    grade: Grade
    edits: int
    read: str
    plate: str
    entry_id: str
    category: str
    agency: str
    camera_id: str | None
    time: str | None
    differences: tuple[Difference, ...]


def match(
    reads: Annotated[Path | None, typer.Argument(help="File of reads; standard input if left out or `-`.")] = None,
    *,
    hotlist: Annotated[Path, typer.Option(help="The wanted vehicles: CSV or JSON Lines.")],
    max_edits: Annotated[int, typer.Option(min=0, max=3, help="Edits that a hit may have.")] = 1,
    output_format: Annotated[Format, typer.Option("--format", help="How hits are written.")] = Format.text,
    strict: Annotated[bool, typer.Option(help="Stop at the first bad row of either file.")] = False,
) -> None:
    """Match reads with a hotlist and print the hits.

    A line of reads is a JSON object such as {"text": "12가3456", "camera_id": "GJ-0117"}, or just a plate.
    Hits go to the standard output; bad rows and the summary to the standard error.
    """
    wanted = load_hotlist(hotlist, strict=strict)
    matcher = Matcher(wanted, max_edits=max_edits)
    write = _WRITERS[output_format](sys.stdout)
    count = hits = refused = 0
    started = time.perf_counter()
    with ExitStack() as stack:
        stack.enter_context(errors_to_exit(reads))
        source = cast(BufferedReader, sys.stdin.buffer)
        if reads is not None and str(reads) != "-":
            source = stack.enter_context(reads.open("rb"))
        shown = stack.enter_context(progress("reads"))
        for rows, chunk, errors in _chunks(source):
            batch = matcher.match_batch(chunk, errors="report")
            errors += [ReadError(e.reason, row=rows[e.row or 0], field=e.field) for e in batch.errors]
            for error in sorted(errors, key=lambda e: e.row or 0):
                if strict:
                    raise error
                stderr.print(str(error), style="yellow", markup=False, highlight=False)
            for i, entry, edits in zip(batch.read.tolist(), batch.entry.tolist(), batch.edits.tolist(), strict=True):
                write(_hit(rows[i], chunk[i], wanted[batch.entry_ids[entry]], edits))
            count += len(chunk) - len(batch.errors)
            hits += len(batch)
            refused += len(errors)
            sys.stdout.flush()
            shown(count)
    seconds = time.perf_counter() - started
    summary = f"{plural(count, 'read')}, {plural(hits, 'hit')}, {count / seconds:,.0f} reads/s"
    stderr.print(summary + (f"; {plural(refused, 'bad row')}" if refused else ""), highlight=False)
    if count == 0 and refused:
        fail("no usable read")


def _chunks(source: BufferedReader) -> Iterator[tuple[list[int], list[Read], list[ReadError]]]:
    for chunk in _line_chunks(source):
        rows: list[int] = []
        reads: list[Read] = []
        errors: list[ReadError] = []
        for row, line in chunk:
            try:
                reads.append(decode_text(line, row))
                rows.append(row)
            except ReadError as error:
                errors.append(error)
        yield rows, reads, errors


def _line_chunks(source: BufferedReader) -> Iterator[list[tuple[int, bytes]]]:
    """Numbered lines that are not blank, as many at once as have arrived: on a pipe, a hit does not wait for more."""
    row, rest = 0, b""
    while data := source.read1(_CHUNK_BYTES):
        *lines, rest = (rest + data).split(b"\n")
        yield [(row + i, line.strip()) for i, line in enumerate(lines, 1) if line.strip()]
        row += len(lines)
    if rest.strip():
        yield [(row + 1, rest.strip())]


def _hit(row: int, read: Read, entry: Entry, edits: int) -> Hit:
    text = normalize(read.text, read=True)
    return Hit(
        row=row,
        grade=grade(entry.plate, edits),
        edits=edits,
        read=text,
        plate=entry.plate,
        entry_id=entry.id,
        category=entry.category,
        agency=entry.agency,
        camera_id=read.camera_id,
        time=read.time.isoformat() if read.time else None,
        differences=differences(text, entry.plate),
    )


class _Writer(Protocol):
    def __call__(self, hit: Hit, /) -> None: ...


def _text_writer(out: TextIO) -> _Writer:
    def write(hit: Hit) -> None:
        graded = hit.grade if hit.edits == 0 else f"{hit.grade} ({plural(hit.edits, 'edit')})"
        details = [hit.entry_id, hit.category, hit.agency, hit.camera_id, hit.time]
        print(f"row {hit.row}: {graded}  {'  '.join(d for d in details if d)}", file=out)
        ours, theirs, marks = side_by_side(hit.read, hit.plate)
        print(f"    read    {ours}\n    wanted  {theirs}", file=out)
        if marks:
            print(f"            {marks}", file=out)

    return write


def _jsonl_writer(out: TextIO) -> _Writer:
    def write(hit: Hit) -> None:
        print(msgspec.json.encode(hit).decode(), file=out)

    return write


def _csv_writer(out: TextIO) -> _Writer:
    columns = [name for name in Hit.__struct_fields__ if name != "differences"]
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)

    def write(hit: Hit) -> None:
        writer.writerow([getattr(hit, name) for name in columns])

    return write


_WRITERS = {Format.text: _text_writer, Format.jsonl: _jsonl_writer, Format.csv: _csv_writer}
