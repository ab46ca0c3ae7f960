"""Reads whose true plate is known: from a file, and shared out in folds by plate."""

from __future__ import annotations

import gzip
import json
import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain, pairwise
from pathlib import Path
from typing import Final, cast

import msgspec
import numpy as np

from platewatch._core import normalize
from platewatch.errors import PlatewatchError, ReadError, at_fault
from platewatch.lists.header import Columns
from platewatch.matching.reads import Read, ReadDecoder
from platewatch.matching.values import KOREAN_TIME, NOT_UTF8, is_utf8
from platewatch.service.passes import LIFE
from platewatch.sources.files import READ_NAMES, Item, Stream, rows, to_read

# Of Unicode: letters and the marks that are composed with them, digits, hyphens, and what is invisible.
_CATEGORIES_OF_PLATES: Final = frozenset(("Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Nd", "Pd", "Cf"))
_DOTS: Final = frozenset(".·•・．")
_NAN: Final = re.compile(rb":\s*NaN\b")

_COLUMNS: Final = Columns(
    names={
        "truth": "truth,true plate,ground truth,label,정답,실제번호,정답번호",
        **READ_NAMES,
        "image_url": "image url,url",
        "image": "image,image id,frame,file,이미지",
        "country": "country,국가,나라",
    },
    needed="truth",
)

# Why rows are left out.
NO_TRUTH: Final = "no truth"
BAD_TRUTH: Final = "a truth that cannot be matched"
OTHER_PLATE: Final = "another plate than the other reads of its pass"
BAD_ROW: Final = "no read"
# Why a read of a plate is missed by every method.
NOTHING_READ: Final = "nothing was read"
UNUSABLE: Final = "what was read cannot be matched"


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
    """What a row has beside the read. `image` is often a number; any country that is no text is none."""

    truth: str | None = None
    text: object = None
    image: str | int | None = None
    country: object = None


_label_decoder = msgspec.json.Decoder(_Label)


def load(path: Path) -> tuple[list[LabelledRead], list[ReadError]]:
    """The labelled reads of a file (gzip if its name ends in .gz), and what is wrong with its other rows.

    Raises OSError, or PlatewatchError if it cannot be unpacked.
    """
    with _unpacked(path) as stream:
        return decode(stream)


@contextmanager
def _unpacked(path: Path) -> Iterator[Stream]:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            yield cast(Stream, stream)
    except EOFError:
        raise PlatewatchError("the gzip file is cut off") from None
    except (gzip.BadGzipFile, zlib.error):  # their text may quote the file
        raise PlatewatchError("no gzip file, or a damaged one") from None


def unlabelled_passes(path: Path) -> tuple[list[list[Read]], list[ReadError]]:
    """The reads of a file, those of one vehicle together, and what is wrong with its other rows.

    Reads are together that share a `pass_id` at a camera, or an `image`; a read without is a pass by itself. Raises
    OSError, or PlatewatchError if the file cannot be unpacked.
    """
    sample: list[LabelledRead] = []
    errors: list[ReadError] = []
    decoder = ReadDecoder(KOREAN_TIME)
    with _unpacked(path) as stream:
        for row, item in chain.from_iterable(rows(stream)):
            try:
                read = to_read(item, decoder, row)
                sample.append(LabelledRead(read, "", _passing(read, _image(item))))
            except ReadError as error:
                errors.append(error)
    _part_passes(sample)
    return [[sample[place].read for place in places] for places in group_passes(sample)], errors


def _image(item: Item) -> str | int | None:
    if not isinstance(item, bytes):
        return item.get("image") if isinstance(item, Mapping) else None
    try:
        return _label_decoder.decode(_without_nan(item)).image
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None  # whatever else it is, it is a read


def decode(stream: Stream) -> tuple[list[LabelledRead], list[ReadError]]:
    """(labelled reads, errors by row from 1). A row is a read with `truth`, and `image` and `country` if known, as JSON
    or CSV.

    A read without a text, as it is written where the recogniser saw nothing, has the empty one: its plate was missed.
    """
    numbers: list[int] = []
    sample: list[LabelledRead] = []
    errors: list[ReadError] = []
    decoder = ReadDecoder(KOREAN_TIME)  # times only part passes, so any zone will do
    for row, item in chain.from_iterable(rows(stream, _COLUMNS)):
        try:
            sample.append(_labelled_row(item, row, decoder))
            numbers.append(row)
        except ReadError as error:
            errors.append(error)
    _part_passes(sample)
    found: list[LabelledRead] = []
    plate_of: dict[str, str] = {}
    for row, labelled in zip(numbers, sample, strict=True):
        passing = labelled.passing
        if passing is not None and plate_of.setdefault(passing, labelled.plate) != labelled.plate:
            errors.append(ReadError(OTHER_PLATE, row=row, field="truth"))
        else:
            found.append(labelled)
    return found, sorted(errors, key=lambda error: error.row or 0)


def reasons(errors: Iterable[ReadError]) -> Counter[str]:
    """How many rows are left out for what reason."""
    return Counter(map(_reason, errors))


def _reason(error: ReadError) -> str:
    if error.field != "truth":
        return BAD_ROW
    return error.reason if error.reason in (NO_TRUTH, OTHER_PLATE) else BAD_TRUTH


def why_missed(read: Read) -> str | None:
    """Why no method can find the plate that was read so; None if one may."""
    try:
        text = normalize(read.text, read=True)
    except PlatewatchError:
        return UNUSABLE if any(map(str.isalnum, read.text)) else NOTHING_READ
    return None if any(map(str.isalnum, text)) else NOTHING_READ


def _labelled_row(item: Item, row: int, decoder: ReadDecoder) -> LabelledRead:
    if isinstance(item, bytes):
        return _decode(item, row, decoder)
    read = to_read(item, decoder, row)
    if not isinstance(item, Mapping):
        raise ReadError(NO_TRUTH, row=row, field="truth")
    cells = {name: value.strip() or None for name, value in item.items()}
    label = _Label(truth=cells.get("truth"), image=cells.get("image"), country=cells.get("country"))
    return _labelled(read, label, row)


def _decode(line: bytes, row: int, decoder: ReadDecoder) -> LabelledRead:
    try:
        line = _without_nan(line)
        label = _label_decoder.decode(line)
        if label.text is None:
            line = msgspec.json.encode(msgspec.json.decode(line) | {"text": ""})
        read = decoder.decode(line, row)
    except msgspec.ValidationError as error:
        reason, field = at_fault(error)
        raise ReadError(reason, row=row, field=field) from None
    except (msgspec.DecodeError, UnicodeDecodeError):  # which of them is for bad UTF-8 depends on msgspec's version
        raise ReadError("not a JSON object" if is_utf8(line) else NOT_UTF8, row=row) from None
    except RecursionError:
        raise ReadError("nested too deeply", row=row) from None
    return _labelled(read, label, row)


def _labelled(read: Read, label: _Label, row: int) -> LabelledRead:
    """Raises ReadError for a truth that is none."""
    country = label.country if isinstance(label.country, str) else None
    return LabelledRead(read, _true_plate(label.truth, row), _passing(read, label.image), country)


def _passing(read: Read, image: str | int | None) -> str | None:
    if read.pass_id is not None:  # a camera's own number, which another camera may use too
        return f"{read.camera_id or ''}/{read.pass_id}"
    return None if image is None else str(image)


def _without_nan(line: bytes) -> bytes:
    """The row with null for each NaN, as Python writes what tables lack, though JSON has none."""
    if not _NAN.search(line):
        return line
    try:
        return msgspec.json.encode(json.loads(line, parse_constant=lambda _: None))
    except ValueError:
        return line


def _true_plate(truth: str | None, row: int) -> str:
    """The canonical plate. Raises ReadError."""
    if truth is None or not any(map(str.isalnum, truth)):
        raise ReadError(NO_TRUTH, row=row, field="truth")
    if not all(map(_is_of_a_plate, truth)):  # such as the ? that people write for what they cannot read
        raise ReadError("has a character that is no letter, digit or separator", row=row, field="truth")
    try:
        return normalize(truth)
    except PlatewatchError as error:
        raise ReadError(error.reason.removeprefix("text: "), row=row, field="truth") from None


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


def folds_of(names: Iterable[str], folds: int, seed: int, noun: str = "plate") -> dict[str, int]:
    """The fold, 0 to folds - 1, of each distinct name: of equal size but for one, drawn by `seed`.

    By plates, all reads of a plate are in one fold: a model must not be tested on a plate that it has seen, however
    often it was read. Raises PlatewatchError if there are fewer names, each that of a `noun`, than folds.
    """
    distinct = sorted(set(names))
    if len(distinct) < folds:
        raise PlatewatchError(f"{folds} folds need as many {noun}s, and there are {len(distinct)}")
    order = np.random.default_rng(seed).permutation(len(distinct))
    return {distinct[place]: i % folds for i, place in enumerate(order.tolist())}


def group_passes(sample: Sequence[LabelledRead]) -> list[list[int]]:
    """The places of the reads of each pass, in order of the first; a read of no known pass is one by itself."""
    passes: dict[object, list[int]] = {}
    for place, labelled in enumerate(sample):
        passes.setdefault(place if labelled.passing is None else labelled.passing, []).append(place)
    return list(passes.values())
