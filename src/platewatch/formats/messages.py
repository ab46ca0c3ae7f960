"""A message as it arrived, and its JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, tzinfo
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

from platewatch.errors import FormatError
from platewatch.formats.charsets import GUESS, decode
from platewatch.formats.multipart import is_multipart, parts
from platewatch.matching import lenient_json

_DECODER: Final = json.JSONDecoder()
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(u[0-9A-Fa-f]{4}|[\"\\/bfnrt])|\\|[\x00-\x1f]")
_VALUE: Final = re.compile(r"\S")
_MOST_FIELDS: Final = 100  # of a form or a query


class Message(NamedTuple):
    """What arrived; headers by lower-case name."""

    body: bytes
    headers: Mapping[str, str]
    target: str
    zone: tzinfo | None
    charset: str | None
    received_at: datetime | None

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "")

    @property
    def query(self) -> dict[str, str]:
        """The fields behind the `?` of the target."""
        return form(self.target.partition("?")[2], self.charset)

    @property
    def is_multipart(self) -> bool:
        return is_multipart(self.body, self.content_type)

    @property
    def is_xml(self) -> bool:
        """By its first byte, in UTF-16 too."""
        return self.body[:64].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").startswith(b"<")

    def texts(self, *field_names: str) -> Iterator[str]:
        """The texts in it: the parts of a multipart that are text, of which fields have these names if there are any;
        the value of such a field of a form; or else the body. Raises FormatError.
        """
        if self.is_multipart:
            texts = [part for part in parts(self.body, self.content_type) if part.is_text]
            named = [part for part in texts if part.name in field_names]
            for part in named or texts:
                yield decode(part.content, part.content_type, self.charset)
            return
        text = decode(self.body, self.content_type, self.charset)
        if field_names and not text.lstrip().startswith(("{", "[")):
            fields = form(text.strip(), self.charset)
            values = [fields[name] for name in field_names if name in fields]
            if values:
                yield from values
                return
        yield text


def form(text: str, charset: str | None = None) -> dict[str, str]:
    """The fields of a query or a urlencoded form; of those with one name the last. What is no UTF-8 is of `charset`."""
    try:
        return _fields(text, "utf-8", "strict")
    except UnicodeDecodeError:
        return _fields(text, charset or GUESS, "replace")
    except ValueError:  # too many
        return {}


def _fields(text: str, charset: str, errors: str) -> dict[str, str]:
    return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS, encoding=charset, errors=errors))


def json_values(message: Message, *field_names: str) -> Iterator[Any]:
    """Each JSON value of a message: of an array its items, and of NDJSON its lines. Raises FormatError if there is
    none at all; what is wrong with a part or a line is its value: a FormatError.
    """
    found = False
    for text in message.texts(*field_names):
        if not text.strip("\0 \t\r\n"):
            continue
        found = True
        for value in _json(text):
            if isinstance(value, list):
                yield from value
            else:
                yield value
    if not found:
        raise FormatError("holds no JSON")


def _json(text: str) -> Iterator[Any]:
    """Its values, which may follow each other; of lines that are whole values, each by itself."""
    try:
        yield parse_json(text)
        return
    except FormatError as error:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) > 1 and lines[0].strip().endswith(("}", "]")):
            for line in lines:
                try:
                    yield parse_json(line)
                except FormatError as of_line:
                    yield of_line
            return
        yield from _following(text) or [error]


def _following(text: str) -> list[Any]:
    """Values one after the other, as a connection carries them; none if the first is none."""
    found: list[Any] = []
    end = 0
    try:
        while begin := _VALUE.search(text, end):
            value, end = _DECODER.raw_decode(text, begin.start())
            found.append(value)
    except (ValueError, RecursionError):
        if found:
            found.append(FormatError("not JSON: cut off"))
    return found


def parse_json(text: str) -> Any:
    """Lenient, as senders are: line ends and backslashes (of paths) that stand bare in a text cost nothing. Raises
    FormatError that says where what is wrong, and not what stands there.
    """
    text = text.strip("\0 \t\r\n\ufeff")
    try:
        try:
            return lenient_json.parse(text.encode("utf-8", "replace"))
        except ValueError:
            mended = _STRING.sub(lambda found: _ESCAPE.sub(_escaped, found[0]), text)
            if mended == text:
                raise
            return lenient_json.parse(mended.encode("utf-8", "replace"))
    except RecursionError:
        raise FormatError("not JSON: nested too deeply") from None
    except ValueError as error:
        raise FormatError(f"not JSON: {error}") from None


def _escaped(found: re.Match[str]) -> str:
    """What stands in a string and may not."""
    if found[1]:
        return found[0]
    return "\\\\" if found[0] == "\\" else f"\\u{ord(found[0]):04x}"
