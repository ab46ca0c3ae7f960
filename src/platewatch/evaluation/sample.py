"""Reads whose true plate is known: from a file, and shared out in folds by plate."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from platewatch._core import normalize
from platewatch.errors import PlatewatchError, ReadError
from platewatch.reads import Read, decode


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

    Raises OSError.
    """
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
        return decode_labelled(lines)


def decode_labelled(lines: Iterable[bytes]) -> tuple[list[LabelledRead], list[ReadError]]:
    """(labelled reads, errors by row from 1). A row is a read with `truth`, and `image` and `country` if known."""
    found: list[LabelledRead] = []
    errors: list[ReadError] = []
    plate_of: dict[str, str] = {}
    for row, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            labelled = _decode(line, row)
        except ReadError as error:
            errors.append(error)
            continue
        passing = labelled.passing
        if passing is not None and plate_of.setdefault(passing, labelled.plate) != labelled.plate:
            errors.append(ReadError("another plate than the other reads of its pass", row=row, field="truth"))
            continue
        found.append(labelled)
    return found, errors


def _decode(line: bytes, row: int) -> LabelledRead:
    read = decode(line, row)
    try:
        label = _label_decoder.decode(line)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$")
        raise ReadError(reason, row=row, field=path.strip("`.") or "truth") from None
    try:
        plate = normalize(label.truth)
    except PlatewatchError as error:
        raise ReadError(error.reason.removeprefix("text: "), row=row, field="truth") from None
    if read.pass_id is not None:  # a camera's own number, which another camera may use too
        passing: str | None = f"{read.camera_id or ''}/{read.pass_id}"
    else:
        passing = label.image
    return LabelledRead(read, plate, passing, label.country)


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
