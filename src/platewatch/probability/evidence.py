"""What the probability asks of a read; platewatch.Read is one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class ReadEvidence(Protocol):
    """A read: its text, what the recogniser says of its characters, other texts, and whose it is."""

    @property
    def text(self) -> str: ...
    @property
    def chars(self) -> Sequence[object]: ...
    @property
    def candidates(self) -> Sequence[object]: ...
    @property
    def confidence(self) -> float | None: ...
    @property
    def engine(self) -> str | None: ...
    @property
    def camera_id(self) -> str | None: ...
    @property
    def pass_id(self) -> str | None: ...
