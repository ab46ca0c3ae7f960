"""platewatch: find wanted vehicles among camera number-plate reads.

import platewatch as pw

matcher = pw.Matcher(pw.Hotlist.from_csv("wanted.csv"), max_edits=1)
matcher.match("12거3456")
"""

from platewatch._core import Match, Plate, cpu_features, normalize, parse
from platewatch._core import __version__ as __version__
from platewatch.channel import ChannelModel
from platewatch.errors import ConfigError, EntryError, ModelError, PlatewatchError, ReadError, SnapshotError
from platewatch.hotlist import Entry, Hotlist, HotlistDelta
from platewatch.matcher import MatchBatch, Matcher
from platewatch.population import Population
from platewatch.reads import Candidate, Character, Read

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
    "Matcher",
    "ModelError",
    "Plate",
    "PlatewatchError",
    "Population",
    "Read",
    "ReadError",
    "SnapshotError",
    "cpu_features",
    "normalize",
    "parse",
]
