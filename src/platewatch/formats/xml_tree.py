"""XML as what JSON would have: an element is its text, or an object of its children, in which attributes are `@name`
and a text beside them `#text`; several of one name are a list. Names are local: prefixes vary with firmwares, and not
all are declared.
"""

from __future__ import annotations

import re
from typing import Any, Final
from xml.parsers import expat  # a document with a DTD is refused, so no entity is ever expanded

from platewatch.errors import FormatError

MAX_DEPTH: Final = 64
MAX_ELEMENTS: Final = 100_000

_BARE: Final = re.compile(r"&(?!#?\w{1,32};)")  # no entity, known or not
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def parse(text: str) -> dict[str, Any]:
    """The root element under its name. Bare `&` and control characters, which some senders write, cost nothing. Raises
    FormatError that says where what is wrong, and not what stands there.
    """
    try:
        return _parsed(text)
    except FormatError:
        mended = _CONTROLS.sub("", _BARE.sub("&amp;", text))
        if mended == text:
            raise
    return _parsed(mended)


def _parsed(text: str) -> dict[str, Any]:
    builder = _Builder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = builder.doctype
    parser.EntityDeclHandler = builder.doctype
    try:
        parser.Parse(text.strip("\0 \t\r\n"), True)
    except expat.ExpatError as error:
        raise FormatError(f"not XML: {expat.ErrorString(error.code)}: line {error.lineno}") from None
    except UnicodeEncodeError:
        raise FormatError("not XML: halves of surrogate pairs") from None
    return builder.root


class _Builder:
    def __init__(self) -> None:
        self.root: dict[str, Any] = {}
        self._open: list[tuple[str, dict[str, Any], list[str]]] = [("", self.root, [])]
        self._count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MAX_ELEMENTS:
            raise FormatError(f"over {MAX_ELEMENTS} elements")
        if len(self._open) > MAX_DEPTH:
            raise FormatError(f"nested over {MAX_DEPTH} deep")
        element = {f"@{_local(key)}": value for key, value in attributes.items() if not key.startswith("xmlns")}
        self._open.append((_local(name), element, []))

    def end(self, _: str) -> None:
        name, element, texts = self._open.pop()
        text = "".join(texts).strip()
        value: Any = element
        if not element:
            value = text
        elif text:
            element["#text"] = text
        parent = self._open[-1][1]
        if name not in parent:
            parent[name] = value
        elif isinstance(several := parent[name], list):
            several.append(value)
        else:
            parent[name] = [several, value]

    def data(self, text: str) -> None:
        self._open[-1][2].append(text)

    def doctype(self, *_: object) -> None:
        raise FormatError("has a document type or entities")


def _local(name: str) -> str:
    return name.rpartition(":")[2]
