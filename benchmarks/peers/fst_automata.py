"""BurntSushi's fst, in Rust: a transducer of the plates under a Levenshtein automaton of the read; fst_peer/."""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Sequence
from types import ModuleType

from . import InMemory, PeerMissing


def load() -> ModuleType:
    try:
        return importlib.import_module("fst_peer")
    except ImportError:
        raise PeerMissing("fst_peer is not built: make peers, in a checkout and with cargo") from None


def versions(*crates: str) -> str:
    locked = {package["name"]: package["version"] for package in tomllib.loads(load().CARGO_LOCK)["package"]}
    return ", ".join(f"{crate} {locked[crate]}" for crate in crates)


class FstParametric:
    name = "fst, levenshtein_automata"
    settings = (
        "Rust, all reads in one call, a DFA for each from a table made once; a byte a symbol, which makes smaller DFAs,"
        " but for lists of more than 127 symbols"
    )
    least_edits, most_edits = 0, 3
    distance = "Levenshtein"
    largest = 1_000_000
    reads_a_second = 10_000.0

    def version(self) -> str:
        return versions("fst", "levenshtein_automata")

    def build(self, plates: Sequence[str], k: int, /) -> InMemory:
        return InMemory(load().Plates(plates, k).parametric)


class FstOwn:
    name = "fst, its own Levenshtein automaton"
    settings = "Rust, all reads in one call, a DFA made for each; a byte a symbol, or it would miss plates"
    least_edits, most_edits = 0, 3
    distance = "Levenshtein"
    largest = 1_000_000
    reads_a_second = 8_000.0

    def version(self) -> str:
        return versions("fst")

    def build(self, plates: Sequence[str], k: int, /) -> InMemory:
        index = load().Plates(plates, k)
        if not index.bytewise:
            raise PeerMissing(
                "fst's own automaton misses symbols that begin with the same UTF-8 byte as one of the read's"
                " (BurntSushi/fst#38), and this list has more than a byte can tell apart"
            )
        return InMemory(index.own)
