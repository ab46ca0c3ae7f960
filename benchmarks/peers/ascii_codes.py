"""Texts in ASCII, a symbol each, for libraries that know no other or compare bytes."""

from __future__ import annotations

from collections.abc import Sequence

from . import PeerMissing

_FIRST = 2
_UNKNOWN = chr(1)  # whatever the list does not use
_MOST = 128 - _FIRST


class AsciiCodes:
    """The symbols of a list, each as an ASCII character. Raises PeerMissing for a list of more than 126."""

    def __init__(self, plates: Sequence[str]) -> None:
        symbols = sorted(set("".join(plates)))
        if len(symbols) > _MOST:
            raise PeerMissing(f"it compares ASCII, and this list has more than {_MOST} symbols")
        self._codes = {ord(symbol): chr(_FIRST + place) for place, symbol in enumerate(symbols)}

    def encode(self, texts: Sequence[str]) -> list[str]:
        known = self._codes.keys()
        spelled = [text.translate(self._codes) for text in texts]
        return [
            coded if known >= set(map(ord, text)) else "".join(self._codes.get(ord(c), _UNKNOWN) for c in text)
            for text, coded in zip(texts, spelled, strict=True)
        ]
