"""Reads whose true plate is known: from a file, and shared out in folds by plate."""

from __future__ import annotations

import codecs
import gzip
import unicodedata
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from platewatch._core import normalize
from platewatch.errors import PlatewatchError, ReadError, at_fault
from platewatch.matching.reads import Read, decode
from platewatch.service.passes import LIFE

# Of Unicode: letters and the marks that are composed with them, digits, hyphens, and what is invisible.
_CATEGORIES_OF_PLATES: Final = frozenset(("Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Nd", "Pd", "Cf"))
_DOTS: Final = frozenset(".·•・．")


@dataclass(frozen=True, slots=True)
class LabelledRead:
    """A read and the canonical plate that the vehicle really had.

    `passing` is the same for the reads of one vehicle going by one camera; None where the file does not say.
    """

    read: Read
    plate: str
    passing: str | None = None
    country: str | None = None


class _Label(msgspec.Struct):
    truth: str
    image: str | None = None
    country: str | None = None


_label_decoder = msgspec.json.Decoder(_Label)


def load(path: Path) -> tuple[list[LabelledRead], list[ReadError]]:
    """The labelled reads of a file of JSON Lines (gzip if its name ends in .gz), and what is wrong with its other rows.

    Raises OSError, or PlatewatchError if it cannot be unpacked.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
            return decode_labelled(lines)
    except EOFError:
        raise PlatewatchError("the gzip file is cut off") from None
    except (gzip.BadGzipFile, zlib.error):  # their text may quote the file
        raise PlatewatchError("no gzip file, or a damaged one") from None


def decode_labelled(lines: Iterable[bytes]) -> tuple[list[LabelledRead], list[ReadError]]:
    """(labelled reads, errors by row from 1). A row is a read with `truth`, and `image` and `country` if known."""
    rows: list[int] = []
    sample: list[LabelledRead] = []
    errors: list[ReadError] = []
    for row, line in enumerate(lines, 1):
        stripped = line.removeprefix(codecs.BOM_UTF8).strip()
        if not stripped:
            continue
        try:
            sample.append(_decode(stripped, row))
            rows.append(row)
        except ReadError as error:
            errors.append(error)
    _part_passes(sample)
    found: list[LabelledRead] = []
    plate_of: dict[str, str] = {}
    for row, labelled in zip(rows, sample, strict=True):
        passing = labelled.passing
        if passing is not None and plate_of.setdefault(passing, labelled.plate) != labelled.plate:
            errors.append(ReadError("another plate than the other reads of its pass", row=row, field="truth"))
        else:
            found.append(labelled)
    return found, sorted(errors, key=lambda error: error.row or 0)


def _decode(line: bytes, row: int) -> LabelledRead:
    try:
        read = decode(line, row)
        label = _label_decoder.decode(line)
    except msgspec.ValidationError as error:
        reason, field = at_fault(error)
        raise ReadError(reason, row=row, field=field or "truth") from None
    except UnicodeDecodeError:
        raise ReadError("not valid UTF-8", row=row) from None
    if not all(map(_is_of_a_plate, label.truth)):  # such as the ? that people write for what they cannot read
        raise ReadError("has a character that is no letter, digit or separator", row=row, field="truth")
    try:
        plate = normalize(label.truth)
    except PlatewatchError as error:
        raise ReadError(error.reason.removeprefix("text: "), row=row, field="truth") from None
    if read.pass_id is not None:  # a camera's own number, which another camera may use too
        passing: str | None = f"{read.camera_id or ''}/{read.pass_id}"
    else:
        passing = label.image
    return LabelledRead(read, plate, passing, label.country)


def _is_of_a_plate(character: str) -> bool:
    return unicodedata.category(character) in _CATEGORIES_OF_PLATES or character in _DOTS or character.isspace()


def _part_passes(sample: list[LabelledRead]) -> None:
    """Part the reads of one `pass_id` where they are so far apart that the service takes them for several passes.

    Only where all of them have a time.
    """
    for places in group_passes(sample):
        if sample[places[0]].read.pass_id is None:
            continue
        timed = sorted((time, place) for place in places if (time := sample[place].read.time) is not None)
        if len(timed) < len(places):
            continue
        number = 1
        for (before, _), (time, place) in pairwise(timed):
            number += time - before > timedelta(seconds=LIFE)
            if number > 1:
                sample[place] = replace(sample[place], passing=f"{sample[place].passing} #{number}")


def fold_of_plates(plates: Iterable[str], folds: int, seed: int) -> dict[str, int]:
    """The fold, 0 to folds - 1, of each distinct plate: of equal size but for one, drawn by `seed`.

    All reads of a plate are in one fold: a model must not be tested on a plate that it has seen, however often it
    was read. Raises PlatewatchError if there are fewer plates than folds.
    """
    distinct = sorted(set(plates))
    if len(distinct) < folds:
        raise PlatewatchError(f"{len(distinct)} plates do not make {folds} folds")
    order = np.random.default_rng(seed).permutation(len(distinct))
    return {distinct[place]: i % folds for i, place in enumerate(order.tolist())}


def group_passes(sample: Sequence[LabelledRead]) -> list[list[int]]:
    """The places of the reads of each pass, in order of the first; a read of no known pass is one by itself."""
    passes: dict[object, list[int]] = {}
    for place, labelled in enumerate(sample):
        passes.setdefault(place if labelled.passing is None else labelled.passing, []).append(place)
    return list(passes.values())
