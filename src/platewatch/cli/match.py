"""`platewatch match`: files of reads in, hits out."""

from __future__ import annotations

import csv
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from enum import StrEnum
from io import BufferedReader
from pathlib import Path
from typing import Annotated, Protocol, TextIO, TypeAlias, cast

import msgspec
import typer

from platewatch._core import is_pattern, normalize
from platewatch.cli.common import (
    ColumnsOption,
    Encoding,
    ErrorRate,
    MaxBadShare,
    PopulationFile,
    Sheet,
    Strict,
    errors_to_exit,
    fail,
    load_hotlist,
    load_model,
    percent,
    plural,
    progress,
    side_by_side,
    stderr,
    warn_of_other_vehicles,
)
from platewatch.cli.formats import Charset, Header, MappingFile, Target, parse_file, summary
from platewatch.errors import ReadError
from platewatch.formats import Parsed
from platewatch.lists.hotlist import MAX_BAD_SHARE
from platewatch.lists.judgement import MOST_OF_A_KIND
from platewatch.matching.alignment import Difference, differences, own_edits
from platewatch.matching.hotlist import Entry
from platewatch.matching.matcher import MatchBatch, Matcher
from platewatch.matching.reads import Read, ReadDecoder
from platewatch.service.policy import Grade, Policy
from platewatch.sources.files import rows, to_read


class Format(StrEnum):
    """How they are written."""

    text = "text"
    jsonl = "jsonl"
    csv = "csv"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of output: a hit; or any match, which has no grade if it is no hit."""

    row: int
    grade: Grade | None
    probability: float
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
    hotlist: Annotated[Path, typer.Option(help="The wanted vehicles: CSV, a workbook, JSON.")],
    max_edits: Annotated[int, typer.Option(min=0, max=3, help="Edits that a match may have.")] = 2,
    policy: Annotated[Path | None, typer.Option(help="TOML file with a table `policy`; see docs/policy.md.")] = None,
    notify: Annotated[float | None, typer.Option(help="Least probability of the grade notify.")] = None,
    check: Annotated[float | None, typer.Option(help="Least probability of the grade check.")] = None,
    model: Annotated[Path | None, typer.Option(help="Channel model; the one that is shipped if left out.")] = None,
    population: PopulationFile = None,
    error_rate: ErrorRate = None,
    show_all: Annotated[bool, typer.Option("--all", help="Print all matches, those that are no hits too.")] = False,
    name: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="What the file is a message of: a name of `platewatch formats list`. (`text`, `jsonl` and `csv` are"
            " those of --output-format.)",
        ),
    ] = None,
    header: Header = None,
    target: Target = "",
    charset: Charset = None,
    mapping: MappingFile = None,
    output_format: Annotated[Format, typer.Option(help="How hits are written.")] = Format.text,
    columns: ColumnsOption = None,
    encoding: Encoding = None,
    sheet: Sheet = None,
    max_bad_share: MaxBadShare = MAX_BAD_SHARE,
    time_zone: Annotated[
        str | None,
        typer.Option(help="Zone of times without an offset, such as Asia/Seoul; else such reads are refused."),
    ] = None,
    strict: Strict = None,
) -> None:
    """Match reads with a hotlist and print the hits.

    Reads are JSON objects such as {"text": "12가3456", "camera_id": "GJ-0117"}, one a line or in an array; CSV, whose
    first line names the columns; or just a plate a line. With --format, they are a message as a camera sends it.

    A hit is a match whose probability reaches a threshold of the policy. --notify and --check set the thresholds of
    the categories that have none of their own.

    Hits go to the standard output; bad rows and the summary to the standard error.
    """
    if name is not None and name in Format.__members__:  # as hits were told to be written before there were formats
        output_format, name = Format(name), None
    judge = _policy(policy, notify, check)
    parsed = None if name is None else parse_file(name, reads, header, target, time_zone, charset, mapping)
    decoder = _decoder(time_zone)
    wanted = load_hotlist(
        hotlist, columns=columns, encoding=encoding, sheet=sheet, strict=strict, max_bad_share=max_bad_share
    )
    channel = load_model(model, population, error_rate)
    warn_of_other_vehicles(channel.population, (entry.plate for entry in wanted))
    matcher = Matcher(wanted, max_edits=max_edits, model=channel)
    write = _WRITERS[output_format](sys.stdout)
    count = refused = not_lined_up = 0
    grades: Counter[Grade | None] = Counter()
    kinds: Counter[tuple[str | None, str]] = Counter()  # of errors
    started = time.perf_counter()
    with ExitStack() as stack:
        stack.enter_context(errors_to_exit(reads))
        shown = stack.enter_context(progress("reads"))
        for numbers, chunk, errors in _of_message(parsed) if parsed else _of_file(reads, decoder, stack):
            least = 0.0 if show_all else judge.least
            batch = matcher.match_batch(
                chunk, errors="report", alternatives=True, min_probability=least, keep_exact=True
            )
            errors += [ReadError(e.reason, row=numbers[e.row or 0], field=e.field) for e in batch.errors]
            for error in sorted(errors, key=lambda e: e.row or 0):
                if strict:
                    raise error
                kinds[error.field, error.reason] += 1
                if kinds[error.field, error.reason] <= MOST_OF_A_KIND:
                    stderr.print(str(error), style="yellow", markup=False, highlight=False, soft_wrap=True)
            for i, number, edits, probability in _every(batch) if show_all else judge.candidates(batch):
                entry = wanted[batch.entry_ids[number]]
                edits = own_edits(chunk[i], entry.plate, edits)
                grade = judge.grade(entry.category, edits, probability, is_pattern(entry.plate))
                if grade or show_all:
                    grades[grade] += 1
                    write(_line(numbers[i], chunk[i], entry, edits, probability, grade))
            count += len(chunk) - len(batch.errors)
            refused += len(errors)
            not_lined_up += batch.not_lined_up
            sys.stdout.flush()
            shown(count)
    seconds = time.perf_counter() - started
    for (field, reason), found in kinds.items():
        if found > MOST_OF_A_KIND:
            more = f"{found - MOST_OF_A_KIND:,} more: {f'{field}: ' if field else ''}{reason}"
            stderr.print(more, style="yellow", markup=False, highlight=False, soft_wrap=True)
    parts = [
        plural(count, "read"),
        f"{plural(grades['notify'] + grades['check'], 'hit')} ({grades['notify']} notify, {grades['check']} check)",
        *([plural(grades.total(), "match", "matches")] if show_all else []),
        f"{count / seconds:,.0f} reads/s",
    ]
    told = ", ".join(parts)
    if refused:
        told += f"; {plural(refused, 'bad row')}"
    if not_lined_up:
        told += f"; chars of {plural(not_lined_up, 'read')} ignored: they do not line up with the text"
    if decoder.dropped:
        fields = ", ".join(f"{name} {count:,}" for name, count in sorted(decoder.dropped.items()))
        told += f"; fields that were not usable: {fields}"
    if parsed:
        told += f"; of the message: {summary(parsed)}"
    stderr.print(told, highlight=False, soft_wrap=True)
    if count == 0 and refused:
        fail("no usable read")


def _decoder(time_zone: str | None) -> ReadDecoder:
    try:
        return ReadDecoder(time_zone)
    except ValueError as error:
        fail(f"--time-zone: {error}")


def _policy(path: Path | None, notify: float | None, check: float | None) -> Policy:
    given = {name: value for name, value in (("notify", notify), ("check", check)) if value is not None}
    with errors_to_exit():
        policy = Policy() if path is None else Policy.load(path)
        return msgspec.structs.replace(policy, **given)


def _every(batch: MatchBatch) -> Iterator[tuple[int, int, int, float]]:
    columns = (batch.read, batch.entry, batch.edits, batch.probability)
    return zip(*(column.tolist() for column in columns if column is not None), strict=True)


_Chunk: TypeAlias = tuple[list[int], list[Read], list[ReadError]]
"""Reads with their rows, and what is wrong with other rows."""


def _of_file(path: Path | None, decoder: ReadDecoder, stack: ExitStack) -> Iterator[_Chunk]:
    source = cast(BufferedReader, sys.stdin.buffer)
    if path is not None and str(path) != "-":
        source = stack.enter_context(path.open("rb"))
    for items in rows(source):
        numbers: list[int] = []
        reads: list[Read] = []
        errors: list[ReadError] = []
        for row, item in items:
            try:
                reads.append(to_read(item, decoder, row))
                numbers.append(row)
            except ReadError as error:
                errors.append(error)
        yield numbers, reads, errors


def _of_message(parsed: Parsed) -> Iterator[_Chunk]:
    yield parsed.items, parsed.reads, list(parsed.refused)


def _line(row: int, read: Read, entry: Entry, edits: int, probability: float, grade: Grade | None) -> Line:
    text = normalize(read.text, read=True)
    return Line(
        row=row,
        grade=grade,
        probability=float(f"{probability:.6g}"),
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
    def __call__(self, line: Line, /) -> None: ...


def _text_writer(out: TextIO) -> _Writer:
    def write(line: Line) -> None:
        fit = "fits" if is_pattern(line.plate) else "exact"
        nearness = plural(line.edits, "edit") if line.edits else fit
        graded = f"{line.grade or 'no hit'} ({percent(line.probability)}, {nearness})"
        details = [line.entry_id, line.category, line.agency, line.camera_id, line.time]
        print(f"row {line.row}: {graded}  {'  '.join(d for d in details if d)}", file=out)
        ours, theirs, marks = side_by_side(line.read, line.plate)
        print(f"    read    {ours}\n    wanted  {theirs}", file=out)
        if marks:
            print(f"            {marks}", file=out)

    return write


def _jsonl_writer(out: TextIO) -> _Writer:
    def write(line: Line) -> None:
        print(msgspec.json.encode(line).decode(), file=out)

    return write


def _csv_writer(out: TextIO) -> _Writer:
    columns = [name for name in Line.__struct_fields__ if name != "differences"]
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)

    def write(line: Line) -> None:
        writer.writerow([getattr(line, name) for name in columns])

    return write


_WRITERS = {Format.text: _text_writer, Format.jsonl: _jsonl_writer, Format.csv: _csv_writer}
