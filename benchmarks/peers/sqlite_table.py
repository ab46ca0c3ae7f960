"""SQLite, which comes with Python: two answers of somebody whose list is in a database."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import combinations

from . import Index, refuse_large_tables, version_of


def version() -> str:
    return f"SQLite {sqlite3.sqlite_version}, {version_of('rapidfuzz')}"


def connect() -> sqlite3.Connection:
    from rapidfuzz.distance import Levenshtein

    def within(text: str, plate: str, k: int) -> bool:
        return Levenshtein.distance(text, plate, score_cutoff=k) <= k

    connection = sqlite3.connect(":memory:", check_same_thread=False)
    connection.create_function("within", 3, within, deterministic=True)
    return connection


class SqliteScan:
    name = "SQLite, a function over the table"
    settings = "rapidfuzz's distance as an SQL function, one query a read, an index by length, in memory"
    least_edits, most_edits = 0, 3
    distance = "Levenshtein"
    largest = 100_000
    reads_a_second = 25.0

    def version(self) -> str:
        return version()

    def build(self, plates: Sequence[str], _: int, /) -> Index:
        self.version()
        connection = connect()
        connection.execute(
            "CREATE TABLE plates (length INTEGER, plate TEXT, PRIMARY KEY (length, plate)) WITHOUT ROWID"
        )
        connection.executemany("INSERT INTO plates VALUES (?, ?)", ((len(plate), plate) for plate in plates))
        return ScanIndex(connection)


class ScanIndex:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def search(self, reads: Sequence[str], k: int, /) -> list[set[str]]:
        query = "SELECT plate FROM plates WHERE length BETWEEN ? AND ? AND within(?, plate, ?)"
        return [
            {plate for (plate,) in self._connection.execute(query, (len(read) - k, len(read) + k, read, k))}
            for read in reads
        ]

    def close(self) -> None:
        self._connection.close()


class SqliteDeletions:
    name = "SQLite, a table of deletions"
    settings = (
        "each plate under each text that is left of it without up to k symbols, a primary key; one query a read with"
        " what is left of the read, then rapidfuzz's distance; in memory"
    )
    least_edits, most_edits = 1, 2
    distance = "Levenshtein"
    largest = 1_000_000
    reads_a_second = 50_000.0

    def version(self) -> str:
        return version()

    def build(self, plates: Sequence[str], k: int, /) -> Index:
        self.version()
        refuse_large_tables(plates, k)
        connection = connect()
        connection.execute("CREATE TABLE plates (id INTEGER PRIMARY KEY, plate TEXT)")
        connection.executemany("INSERT INTO plates VALUES (?, ?)", enumerate(plates))
        connection.execute("CREATE TABLE rest (text TEXT, id INTEGER, PRIMARY KEY (text, id)) WITHOUT ROWID")
        connection.executemany(
            "INSERT INTO rest VALUES (?, ?)",
            sorted((text, number) for number, plate in enumerate(plates) for text in deletions(plate, k)),
        )
        return DeletionsIndex(connection)


class DeletionsIndex:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def search(self, reads: Sequence[str], k: int, /) -> list[set[str]]:
        return [self._one(read, k) for read in reads]

    def _one(self, read: str, k: int) -> set[str]:
        texts = deletions(read, k)
        marks = ", ".join("?" * len(texts))
        query = f"""
            SELECT plate FROM plates
            WHERE id IN (SELECT id FROM rest WHERE text IN ({marks})) AND within(?, plate, ?)
        """
        return {plate for (plate,) in self._connection.execute(query, (*texts, read, k))}

    def close(self) -> None:
        self._connection.close()


def deletions(text: str, k: int) -> set[str]:
    """What is left of a text without up to k symbols."""
    return {"".join(kept) for gone in range(min(k, len(text)) + 1) for kept in combinations(text, len(text) - gone)}
