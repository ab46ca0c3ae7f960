"""platewatch: find wanted vehicles among camera number-plate reads.

import platewatch as pw

matcher = pw.Matcher(pw.Hotlist.from_csv("wanted.csv"))
matcher.match("12거3456")
"""

from importlib import import_module
from typing import TYPE_CHECKING

from platewatch._core import Plate, cpu_features, normalize, parse
from platewatch._core import __version__ as __version__
from platewatch.errors import (
    BundleError,
    ConfigError,
    EntryError,
    FormatError,
    ModelError,
    PlatewatchError,
    ReadError,
    ReadTypeError,
    SnapshotError,
    StateError,
)

if TYPE_CHECKING:
    from platewatch import formats
    from platewatch.build import BuildInfo, build_info, get_cmake_dir, get_include
    from platewatch.lists.hotlist import Hotlist
    from platewatch.matching.batch import MatchBatch, MatchRow, ScoredMatchBatch
    from platewatch.matching.hotlist import Entry, HotlistDelta
    from platewatch.matching.match import Match, SearchResult
    from platewatch.matching.matcher import Matcher
    from platewatch.matching.reads import Candidate, Character, Read
    from platewatch.probability.channel_model import ChannelModel
    from platewatch.probability.population import Population

# What is imported once it is asked for: with numpy, that takes longer than all else.
_LATER = {
    "BuildInfo": "build",
    "build_info": "build",
    "get_cmake_dir": "build",
    "get_include": "build",
    "Hotlist": "lists.hotlist",
    "Match": "matching.match",
    "SearchResult": "matching.match",
    "MatchBatch": "matching.batch",
    "MatchRow": "matching.batch",
    "ScoredMatchBatch": "matching.batch",
    "Entry": "matching.hotlist",
    "HotlistDelta": "matching.hotlist",
    "Matcher": "matching.matcher",
    "Candidate": "matching.reads",
    "Character": "matching.reads",
    "Read": "matching.reads",
    "ChannelModel": "probability.channel_model",
    "Population": "probability.population",
}


def __getattr__(name: str) -> object:
    if name == "formats":
        return import_module(f"{__name__}.formats")
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER, "formats"})


__all__ = [
    "BuildInfo",
    "BundleError",
    "Candidate",
    "ChannelModel",
    "Character",
    "ConfigError",
    "Entry",
    "EntryError",
    "FormatError",
    "Hotlist",
    "HotlistDelta",
    "Match",
    "MatchBatch",
    "MatchRow",
    "Matcher",
    "ModelError",
    "Plate",
    "PlatewatchError",
    "Population",
    "Read",
    "ReadError",
    "ReadTypeError",
    "ScoredMatchBatch",
    "SearchResult",
    "SnapshotError",
    "StateError",
    "build_info",
    "cpu_features",
    "formats",
    "get_cmake_dir",
    "get_include",
    "normalize",
    "parse",
]
