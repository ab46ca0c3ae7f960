"""Bytes to text: what the sender says, and what it does."""

from __future__ import annotations

import codecs
import json
import re
import zlib
from collections.abc import Mapping
from typing import Final

from platewatch.errors import FormatError

MAX_TEXT: Final = 8 << 20
"""Bytes of a message without its images."""

MAX_INFLATED: Final = 64 << 20
"""Bytes of a message that came compressed."""

_LARGE: Final = 65536  # bytes from which on images are looked for
# A long run, or many lines in a row. The look-behind keeps a run that is too short from being tried again at each byte.
_IMAGE: Final = re.compile(
    rb"(?<![A-Za-z0-9+/=])(?:[A-Za-z0-9+/=]{4096,}+|(?:[A-Za-z0-9+/]{57,}+(?:\\[rn]|[\r\n\t ]){1,8}+){40,}+)"
)
_DECLARED: Final = re.compile(rb"\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
_IN_TYPE: Final = re.compile(r"charset\s*=\s*\"?([A-Za-z0-9._-]{1,40})", re.IGNORECASE)
# Some codecs are not of text, and some take the square of what they decode; a message may name any.
_KNOWN: Final = re.compile(
    r"ascii|utf-(8|16|16-le|16-be)|cp(949|936|950|932|125\d)|euc_(kr|jp)|johab|gb(k|2312|18030)|big5|shift_jis"
    r"|iso8859-\d{1,2}|koi8-[ru]"
)
_WIDER: Final = {"euc_kr": "cp949", "gb2312": "gb18030", "gbk": "gb18030"}  # what is sent under the narrower name
GUESS: Final = "cp949"
"""In which Korean programs write what is no UTF-8."""


def known(charset: str) -> str:
    """Python's name of it. Raises FormatError."""
    name = _name(charset)
    if name is None:
        raise FormatError("no charset of text has this name", field="charset")
    return name


def decode(data: bytes, content_type: str = "", fallback: str | None = None) -> str:
    """UTF-8 if it can be, whatever it is said to be; else as it says, else `fallback`, else CP949.

    Bytes that are none of it become U+FFFD, which stands for a symbol that nobody could read. Base64 of images is left
    out. Raises FormatError if there is too much text.
    """
    data = without_images(data)
    try:
        if (wide := json.detect_encoding(data)) not in ("utf-8", "utf-8-sig"):  # these show by their zeros
            return data.decode(wide)
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    said = _DECLARED.match(data)
    names = [_name(given) for given in (said and said[1].decode(), _charset_of_type(content_type)) if given]
    utf8 = data.decode("utf-8", "replace")
    if not names or "utf-8" in names:
        # A name or a note in another charset is no reason to misread all the rest.
        faults = utf8.count("\ufffd")
        if len(utf8) - len(utf8.encode("ascii", "ignore")) > 2 * faults:
            return utf8
    for name in [*names, fallback, GUESS]:
        if name is not None and name != "utf-8":
            try:
                return data.decode(_name(name) or "ascii")
            except UnicodeDecodeError:
                continue
    return utf8 if fallback is None else data.decode(_name(fallback) or "utf-8", "replace")


def without_images(data: bytes) -> bytes:
    """Without long runs of base64, which are copied nowhere. Raises FormatError if too much is left."""
    if len(data) >= _LARGE:
        data = _IMAGE.sub(b"", data)
        if len(data) > MAX_TEXT:
            raise FormatError(f"over {MAX_TEXT >> 20} MiB of text")
    return data


def inflated(body: bytes, headers: Mapping[str, str]) -> bytes:
    """The body as it was before `Content-Encoding`, or as it is: there are gateways that only say so.

    Raises FormatError for one that inflates to too much.
    """
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding not in ("gzip", "x-gzip", "deflate"):
        return body
    for window in (zlib.MAX_WBITS | 32, -zlib.MAX_WBITS):  # gzip or zlib by their headers, and deflate without one
        inflater = zlib.decompressobj(window)
        try:
            found = inflater.decompress(body, MAX_INFLATED + 1)
        except zlib.error:
            continue
        if len(found) > MAX_INFLATED:
            raise FormatError(f"inflates to over {MAX_INFLATED >> 20} MiB")
        if inflater.eof:
            return found
    return body


def _charset_of_type(content_type: str) -> str | None:
    found = _IN_TYPE.search(content_type)
    return found[1] if found else None


def _name(charset: str) -> str | None:
    try:
        name = codecs.lookup(charset).name
    except (LookupError, ValueError):
        return None
    return _WIDER.get(name, name) if _KNOWN.fullmatch(name) else None
