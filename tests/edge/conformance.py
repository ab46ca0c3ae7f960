"""Reads and what Python answers to them, for replay.c: does a device say the same?

`python -m tests.edge.conformance FOLDER` writes conformance.bundle there, before.bundle of another list,
conformance.delta that leads from that to the former, conformance.tsv, and small.bundle of a few entries for failing.c.
Of the answers, a line is

    r text engine camera confidence time         a read
    c text p                                     one of its characters
    a text p                                     an alternative of that character
    o text p                                     another reading of the whole plate
    q read|pass flags max_edits matches          asks, of the reads since the last question; then that many lines
    m id edits grade log_likelihood probability  a match

parted by tabs, with flags as in platewatch.h, floating-point numbers in hexadecimal, and -1 where there is none.
"""

from __future__ import annotations

import gzip
import json
import math
import random
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import platewatch as pw
from platewatch.bundle import delta as deltas
from platewatch.bundle.keys import SigningKey
from platewatch.bundle.make import make as made_of
from platewatch.service.policy import CategoryPolicy, Policy

DATA = Path(__file__).parents[2] / "benchmarks" / "data"
TIME = datetime(2026, 11, 28, tzinfo=UTC)
POLICY = Policy(categories={"stolen": CategoryPolicy(notify=0.8, check=0.02)})
ALTERNATIVES, KEEP_EXACT = 1, 2
GRADES = {None: 0, "check": 1, "notify": 2}
PATTERNS = ("1?가34*", "서울[12]?바*", "99*99")


def reads() -> list[pw.Read]:
    """Of real recognisers, of every engine and every country; some have candidates, as none of these do."""
    rng = random.Random(20261128)
    rows = []
    for name in ("plate_reads.jsonl.gz", "ocr_reads.jsonl.gz"):
        with gzip.open(DATA / name, "rt", encoding="utf-8") as lines:
            rows += [json.loads(line) for line in lines]
    found = []
    for row in rng.sample(rows, 600):
        others = (pw.Candidate(text=row["truth"], p=0.25), pw.Candidate(text=row["text"][::-1]))
        try:
            read = pw.Read(
                text=row["text"],
                chars=row.get("chars") or (),
                candidates=others if rng.random() < 0.2 else (),
                engine=row.get("engine"),
                confidence=row.get("confidence"),
                camera_id=rng.choice([None, "gate 1"]),
                time=TIME,
            )
            pw.normalize(read.text)
        except pw.PlatewatchError:
            continue
        found.append(read)
    return found


def hotlist(of: Sequence[pw.Read]) -> pw.Hotlist:
    """Plates that the reads are near, some with a mark, a weight, a category or a validity, and patterns."""
    rng = random.Random(7)
    entries = {}
    for number, read in enumerate(of):
        if number % 2:
            continue
        plate = list(pw.normalize(read.text))
        for _ in range(rng.randrange(3)):
            place = rng.randrange(len(plate))
            plate[place] = rng.choice("0123456789가거나너")
        entries[f"E{number:04}"] = pw.Entry(
            id=f"E{number:04}",
            plate="".join(plate),
            category=rng.choice(["", "stolen", "missing"]),
            weight=rng.choice([1, 1, 3]),
            match=rng.choice(["fuzzy", "fuzzy", "exact"]),
        )
    for text in PATTERNS:
        entries[text] = pw.Entry(id=text, plate=text)
    return pw.Hotlist(entries.values())


def make(folder: Path) -> None:
    """Write both files."""
    folder.mkdir(parents=True, exist_ok=True)
    found = reads()
    entries = hotlist(found)
    matcher = pw.Matcher(entries, max_edits=2)
    signing = SigningKey.generate("ed25519", "conformance")
    before, bundle = (
        signing.signs(
            made_of(
                of,
                version=number,
                agency="police",
                group="conformance",
                issued=1764288000,
                expires=1795824000,
                policy=policy,
            )
        )
        for number, of, policy in (
            (1, pw.Matcher(_before(entries), max_edits=1), Policy()),
            (2, matcher, POLICY),
        )
    )
    for name, made in (
        ("before.bundle", before),
        ("conformance.bundle", bundle),
        ("conformance.delta", signing.signs(deltas.make(before, bundle))),
    ):
        made.save(folder / name)
    few = pw.Matcher(
        ["12가3456", "12거3456", "서울12바3456", "1?가34*"], model=pw.ChannelModel.default().of_engine("ctc")
    )
    small = made_of(few, version=1, agency="police", group="conformance", issued=0, expires=1, policy=POLICY)
    small.save(folder / "small.bundle")
    (folder / "conformance.tsv").write_text("".join(_lines(matcher, found)), encoding="utf-8")


def _before(entries: pw.Hotlist) -> pw.Hotlist:
    """Without every third entry, with others in place of every fifth, and with some that are to go."""
    kept = [
        pw.Entry(id=entry.id, plate="서울12바3456", weight=7) if number % 5 == 0 else entry
        for number, entry in enumerate(entries)
        if number % 3
    ]
    return pw.Hotlist([*kept, *(pw.Entry(id=f"gone {number}", plate=f"1{number}가3456") for number in range(10, 30))])


def _lines(matcher: pw.Matcher, found: list[pw.Read]) -> Iterator[str]:
    for number, read in enumerate(found):
        flags, edits = (ALTERNATIVES if number % 3 == 0 else 0) | (KEEP_EXACT if number % 5 == 0 else 0), number % 4
        yield from _read(read)
        matches = matcher.match(
            read, max_edits=edits, alternatives=bool(flags & ALTERNATIVES), keep_exact=bool(flags & KEEP_EXACT)
        )
        yield from _answer("read", flags, edits, matches)
    for first in range(0, len(found) - 3, 12):
        reads = found[first : first + 2 + first % 3]
        yield from (line for read in reads for line in _read(read))
        yield from _answer("pass", 0, 2, matcher.match_pass(reads))


def _read(read: pw.Read) -> Iterator[str]:
    confidence = -1.0 if read.confidence is None else read.confidence
    microseconds = round(TIME.timestamp()) * 1_000_000
    yield _row("r", read.text, read.engine or "", read.camera_id or "", confidence.hex(), microseconds)
    for character in read.chars:
        yield _row("c", character.c, (-1.0 if character.p is None else character.p).hex())
        for text, p in character.alts:
            yield _row("a", text, p.hex())
    for candidate in read.candidates:
        yield _row("o", candidate.text, (-1.0 if candidate.p is None else candidate.p).hex())


def _answer(kind: str, flags: int, edits: int, matches: Sequence[pw.Match]) -> Iterator[str]:
    yield _row("q", kind, flags, edits, len(matches))
    for match in matches:
        is_pattern = match.entry_id in PATTERNS
        grade = POLICY.grade(match.category or "", match.edits, match.probability, is_pattern)
        log = -math.inf if match.log_likelihood is None else match.log_likelihood
        yield _row("m", match.entry_id, match.edits, GRADES[grade], log.hex(), match.probability.hex())


def _row(*fields: object) -> str:
    return "\t".join(map(str, fields)) + "\n"


if __name__ == "__main__":
    make(Path(sys.argv[1]))
