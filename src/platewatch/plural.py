"""How many of something, in words."""

from __future__ import annotations


def plural(count: int, noun: str, nouns: str | None = None) -> str:
    """`1 edit`, `2 edits`, `1,000 reads`; `nouns` where an s does not make it plural."""
    return f"{count:,} " + (noun if count == 1 else nouns or noun + "s")
