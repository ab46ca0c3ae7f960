"""BurntSushi's fst, in Rust: a transducer of the plates under a Levenshtein automaton of the read; fst_peer/."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from types import ModuleType

from . import InMemory, PeerMissing


def load() -> ModuleType:
    try:
        import fst_peer
    except ImportError:
        raise PeerMissing("fst_peer is not built: make peers, in a checkout and with cargo") from None
    return fst_peer


def versions(*crates: str) -> str:
    locked = {package["name"]: package["version"] for package in tomllib.loads(load().CARGO_LOCK)["package"]}
    return ", ".join(f"{crate} {locked[crate]}" for crate in crates)


class FstOwn:
    name = "fst, its own Levenshtein automaton"
    settings = "Rust, all reads in one call, a DFA made for each"
    least_edits, most_edits = 0, 3
    distance = "Levenshtein"
    largest = 1_000_000
    reads_a_second = 1_000.0

    def version(self) -> str:
        return versions("fst")

    def build(self, plates: Sequence[str], k: int, /) -> InMemory:
        return InMemory(load().Plates(plates, k).own)


class FstParametric:
    name = "fst, levenshtein_automata"
    settings = "Rust, all reads in one call, a DFA made for each from a table for all reads, which is faster"
    least_edits, most_edits = 0, 3
    distance = "Levenshtein"
    largest = 1_000_000
    reads_a_second = 1_000.0

    def version(self) -> str:
        return versions("fst", "levenshtein_automata")

    def build(self, plates: Sequence[str], k: int, /) -> InMemory:
        return InMemory(load().Plates(plates, k).parametric)
