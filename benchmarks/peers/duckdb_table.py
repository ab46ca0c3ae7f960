"""DuckDB: its levenshtein function over the table, many reads a query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import Index, version_of


class DuckDbLevenshtein:
    name = "DuckDB levenshtein"
    settings = "all reads joined with the plates of about their length in one query, in memory, 1 thread"
    least_edits, most_edits = 0, 3
    distance = "Levenshtein"
    largest = 100_000
    reads_a_second = 60.0

    def version(self) -> str:
        return version_of("duckdb")

    def build(self, plates: Sequence[str], _: int, /) -> Index:
        self.version()
        import duckdb

        connection = duckdb.connect(config={"threads": 1})
        connection.execute(
            "CREATE TABLE plates AS SELECT plate, length(plate) AS length FROM (SELECT unnest(?) AS plate)",
            [list(plates)],
        )
        return JoinIndex(connection)


class JoinIndex:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def search(self, reads: Sequence[str], k: int, /) -> list[set[str]]:
        query = """
            WITH reads AS (SELECT unnest(range(len($reads))) AS row, unnest($reads) AS read)
            SELECT row, plate FROM reads JOIN plates
            ON length BETWEEN length(read) - $k AND length(read) + $k AND levenshtein(read, plate) <= $k
        """
        found: list[set[str]] = [set() for _ in reads]
        for row, plate in self._connection.execute(query, {"reads": list(reads), "k": k}).fetchall():
            found[row].add(plate)
        return found

    def close(self) -> None:
        self._connection.close()
