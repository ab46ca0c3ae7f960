"""What comes back of one read, or of a search: values of the core that go as dataclasses."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from platewatch import _core
from platewatch._core import Match as Match
from platewatch._core import SearchResult as SearchResult


@dataclass(frozen=True)
class _MatchFields:
    entry_id: str
    plate: str
    edits: int
    log_likelihood: float | None
    probability: float
    category: str = ""
    priority: int | None = None


@dataclass(frozen=True)
class _SearchResultFields:
    entry_id: str
    plate: str
    edits: int = field(default=0, init=False)
    log_likelihood: None = field(default=None, init=False)
    probability: None = field(default=None, init=False)
    category: str = ""
    priority: int | None = None


def _declare(core: Any, fields: type) -> None:
    """Make a class of the core go as a dataclass, which it is but for where its values lie.

    dataclasses.asdict, msgspec, orjson, pydantic, pandas and polars then take it as it is.
    """
    for name in ("__dataclass_fields__", "__match_args__", "__annotations__"):
        setattr(core, name, getattr(fields, name))
    core.__repr__ = _repr  # of Python, as pprint hashes it, which pybind11's cannot be
    core.__dataclass_params__ = SimpleNamespace(init=True, repr=False, eq=True, order=False, frozen=True)
    core.__signature__ = inspect.signature(fields)


def _repr(self: Any) -> str:
    """Short: what tells one from another."""
    told = f"entry_id={self.entry_id!r}, plate={self.plate!r}"
    if isinstance(self, _core.Match):
        told += f", edits={self.edits}, probability={self.probability:.4f}"
    return f"{type(self).__name__}({told})"


_declare(_core.Match, _MatchFields)
_declare(_core.SearchResult, _SearchResultFields)
