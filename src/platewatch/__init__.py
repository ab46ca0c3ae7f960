"""platewatch: find wanted vehicles among camera number-plate reads.

import platewatch as pw

matcher = pw.Matcher(pw.Hotlist.from_csv("wanted.csv"))
matcher.match("12거3456")
"""

from platewatch._core import Match, Plate, SearchResult, cpu_features, normalize, parse
from platewatch._core import __version__ as __version__
from platewatch.errors import (
    ConfigError,
    EntryError,
    ModelError,
    PlatewatchError,
    ReadError,
    ReadTypeError,
    SnapshotError,
    StateError,
)
from platewatch.lists.hotlist import Hotlist
from platewatch.matching.batch import MatchBatch, MatchRow, ScoredMatchBatch
from platewatch.matching.hotlist import Entry, HotlistDelta
from platewatch.matching.matcher import Matcher
from platewatch.matching.reads import Candidate, Character, Read
from platewatch.probability.channel_model import ChannelModel
from platewatch.probability.population import Population

__all__ = [
    "Candidate",
    "ChannelModel",
    "Character",
    "ConfigError",
    "Entry",
    "EntryError",
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
    "cpu_features",
    "normalize",
    "parse",
]
