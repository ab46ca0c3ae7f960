"""platewatch's own JSON: one object, an array of them, or one a line, of any length."""

from __future__ import annotations

import codecs
import io
import json
from collections.abc import Iterable
from typing import Final

from platewatch.errors import FormatError, ReadError
from platewatch.formats.charsets import decode, without_images
from platewatch.formats.frame import Findings
from platewatch.formats.messages import Message
from platewatch.matching import lenient_json
from platewatch.matching.reads import ReadDecoder, decode_lines
from platewatch.matching.values import is_utf8

_NULL: Final = ("text", "Expected `str`, got `null`")


def parse(message: Message, found: Findings) -> None:
    decoder = ReadDecoder(message.zone)
    for _, read in decode_lines(_lines(message), decoder):
        if isinstance(read, ReadError):
            if (read.field, read.reason) == _NULL:
                found.ignore("no_plate", read.camera_id)
            elif read.field is None:
                found.reject(FormatError(read.reason))
            else:
                found.refuse(read.reason, read.field, read.camera_id)
        elif read is not None:
            found.take(read)
    found.parsed.dropped.update(decoder.dropped)


def _lines(message: Message) -> Iterable[bytes]:
    body = message.body.removeprefix(codecs.BOM_UTF8)
    if json.detect_encoding(body) != "utf-8" or (message.charset is not None and not is_utf8(body)):
        body = decode(without_images(body), message.content_type, message.charset).encode("utf-8", "replace")
    if body.lstrip().startswith(b"["):
        try:
            return lenient_json.items(body)
        except (ValueError, RecursionError):  # what is whole of it stands on lines
            pass
    return io.BytesIO(body)
