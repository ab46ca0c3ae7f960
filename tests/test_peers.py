"""A fast wrong peer must not win: each finds just what its distance says, by brute force. Those missing are skipped."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest
from rapidfuzz.distance import Hamming, Levenshtein

from benchmarks.peers import Index, Peer, PeerMissing, peers

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the peers' own libraries

PEERS = {peer.name: peer for peer in peers()}
FAR = 99
CASES = [(peer, k) for peer in PEERS.values() for k in range(peer.least_edits, peer.most_edits + 1)]


def new_index(peer: Peer, plates: list[str], k: int) -> Index:
    try:
        return peer.build(plates, k)
    except PeerMissing as missing:
        pytest.skip(f"{peer.name}: {missing}")


def edits(distance: str, read: str, plate: str) -> int:
    match distance:
        case "Levenshtein":
            return Levenshtein.distance(read, plate)
        case "Hamming, equal lengths":
            return Hamming.distance(read, plate) if len(read) == len(plate) else FAR
    raise ValueError(distance)


def hostile() -> list[str]:
    """Some hundred plates of 1 to 12 symbols: beginnings of each other, neighbours of each other, all one symbol."""
    rng = random.Random("peers 20261126")
    plates = {"서울12바3456"[:length] for length in range(1, 10)} | {
        "12가3456가1234"[:length] for length in range(1, 12)
    }
    plates |= {"1" * length for length in range(1, 13)} | {"가" * length for length in range(1, 13)}
    plates |= {f"12{syllable}3456" for syllable in "가나다라마거너더러머힣각갂"}
    plates |= {f"70바1{serial:03d}" for serial in range(0, 200, 3)}
    plates |= {"".join(rng.choices("01가", k=rng.randint(1, 12))) for _ in range(100)}
    plates |= {"".join(rng.choices("AB12서", k=8)) for _ in range(100)}
    return sorted(plates)


def misread(rng: random.Random, text: str) -> str:
    for _ in range(rng.randint(0, 3)):
        at = rng.randrange(len(text) + 1)
        # Symbols of no plate too: an ideograph outside of the basic plane, and what a recogniser writes for "unknown".
        text = text[:at] + rng.choice(["", "", "?", "1", "가", "거", "A", "𠀀"]) + text[at + rng.randint(0, 1) :]
    return text or "?"


def assert_equal(peer: Peer, index: Index, plates: list[str], reads: list[str], k: int) -> None:
    for read, found in zip(reads, index.search(reads, k), strict=True):
        expected = {plate for plate in plates if edits(peer.distance, read, plate) <= k}
        assert found == expected, f"{read!r} within {k}"


@pytest.mark.parametrize(("peer", "k"), CASES, ids=[f"{peer.name}-{k}" for peer, k in CASES])
def test_finds_what_its_distance_says(peer: Peer, k: int) -> None:
    plates = hostile()
    rng = random.Random("reads")
    reads = [*plates[::7], *(misread(rng, rng.choice(plates)) for _ in range(300))]
    index = new_index(peer, plates, k)
    try:
        assert_equal(peer, index, plates, reads, k)
        assert_equal(peer, index, plates, reads[:1], k)
        assert index.search([], k) == []
    finally:
        index.close()


@pytest.mark.parametrize("peer", PEERS.values(), ids=PEERS)
def test_lists_of_many_symbols(peer: Peer) -> None:
    """More than a byte can tell apart."""
    k = peer.most_edits
    plates = [f"12{chr(ord('가') + number)}34{chr(ord('가') + 7 * number)}" for number in range(400)]
    index = new_index(peer, plates, k)
    try:
        assert_equal(peer, index, plates, ["12가34가", "12각34각", "1234", *plates[::50]], k)
    finally:
        index.close()


@pytest.mark.parametrize("peer", PEERS.values(), ids=PEERS)
def test_lists_of_neighbours(peer: Peer) -> None:
    """More matches than a search may be content with."""
    k = min(peer.most_edits, 2)
    plates = [f"12{chr(a)}{chr(b)}34" for a in range(0x30, 0x58) for b in range(0x30, 0x58)]
    index = new_index(peer, plates, k)
    try:
        assert_equal(peer, index, plates, ["12??34", "12AB34", "12034", "1234"], k)
    finally:
        index.close()


@pytest.mark.parametrize("name", ["symspellpy lookup", "SQLite, a table of deletions"])
def test_tables_that_would_not_fit_are_refused(name: str) -> None:
    with pytest.raises(PeerMissing):
        PEERS[name].build(["1234"] * 300_001, 2)


@pytest.mark.parametrize("peer", PEERS.values(), ids=PEERS)
def test_tells_its_version_or_how_to_get_it(peer: Peer) -> None:
    try:
        assert any(character.isdigit() for character in peer.version())
    except PeerMissing as missing:
        pytest.skip(f"{peer.name}: {missing}")


def test_the_list_of_peers_needs_none_of_their_libraries() -> None:
    code = "import sys; sys.modules.update(dict.fromkeys(%r)); from benchmarks.peers import peers; print(len(peers()))"
    libraries = (
        "rapidfuzz symscan fuzzyfst symspellpy tantivy stringzilla stringzillas pybktree faiss duckdb psycopg cython "
        "fst_peer"
    )
    ran = subprocess.run([sys.executable, "-c", code % libraries.split()], check=True, capture_output=True, text=True)
    assert int(ran.stdout) == len(PEERS)
