"""PostgreSQL: fuzzystrmatch's distance behind pg_trgm's index, on a server of its own that ends with the index.

An edit changes at most 3 of a text's trigrams. So of a read's T, a plate within k edits has at least T - 3k, and at
most 3k others: its similarity is at least (T - 3k) / (T + 3k). With that as its threshold the trigram index misses
nothing; where it is not above 0, every plate of about the same length is compared.
"""

from __future__ import annotations

import subprocess
from collections import defaultdict
from collections.abc import Sequence

from . import Index, PeerMissing, version_of
from .postgres_server import HOW, Server, folder_of


class PostgresTrigrams:
    name = "PostgreSQL pg_trgm + fuzzystrmatch"
    settings = (
        "levenshtein_less_equal behind a GIN index of trigrams, its threshold low enough to be complete; a scan by"
        " length where none is (k=3); reads of one threshold in one query; Unix socket, no fsync, no parallel workers"
    )
    least_edits, most_edits = 1, 3
    distance = "Levenshtein"
    largest = 300_000
    reads_a_second = 8_000.0

    def version(self) -> str:
        driver = version_of("psycopg")
        server = subprocess.run(
            [folder_of("pg_ctl") / "postgres", "--version"], check=True, capture_output=True, text=True
        )
        return f"{server.stdout.strip()}, {driver}"

    def build(self, plates: Sequence[str], _: int, /) -> Index:
        self.version()
        server = Server()
        try:
            return TrigramIndex(server, plates)
        except BaseException:
            server.close()
            raise


class TrigramIndex:
    def __init__(self, server: Server, plates: Sequence[str]) -> None:
        import psycopg

        self._server = server
        self._connection = connection = psycopg.connect(
            host=str(server.folder), user="peer", dbname="postgres", autocommit=True
        )
        try:
            connection.execute("CREATE EXTENSION fuzzystrmatch")
            connection.execute("CREATE EXTENSION pg_trgm")
        except psycopg.errors.Error as error:
            raise PeerMissing(f"PostgreSQL's contrib is not there ({HOW}): {error}") from error
        connection.execute("CREATE TABLE plates (plate text, length int)")
        with connection.cursor().copy("COPY plates FROM STDIN") as copy:
            for plate in plates:
                copy.write_row((plate, len(plate)))
        connection.execute("CREATE INDEX ON plates USING gin (plate gin_trgm_ops) WITH (fastupdate = off)")
        connection.execute("CREATE INDEX ON plates (length)")
        connection.execute("VACUUM ANALYZE plates")

    def search(self, reads: Sequence[str], k: int, /) -> list[set[str]]:
        found: list[set[str]] = [set() for _ in reads]
        trigrams = self._connection.execute(
            "SELECT cardinality(show_trgm(read)) FROM unnest(%s::text[]) WITH ORDINALITY AS reads (read, row)"
            " ORDER BY row",
            [list(reads)],
        ).fetchall()
        by_count: defaultdict[int, list[int]] = defaultdict(list)
        for row, (count,) in enumerate(trigrams):
            by_count[max(count, 3 * k)].append(row)
        for count, rows in by_count.items():
            likeness = (count - 3 * k) / (count + 3 * k)
            near = "p.length BETWEEN length(read) - %(k)s AND length(read) + %(k)s"
            if likeness > 0:
                # Rounded down, as the server calculates in single precision.
                self._connection.execute(f"SET pg_trgm.similarity_threshold = {likeness - 1e-5:.6f}")
                near = "p.plate %% read"
            query = f"""
                SELECT row, plate FROM unnest(%(rows)s::int[], %(reads)s::text[]) AS reads (row, read) JOIN plates p
                ON {near} AND levenshtein_less_equal(read, p.plate, %(k)s) <= %(k)s
            """
            asked = {"rows": rows, "reads": [reads[row] for row in rows], "k": k}
            for row, plate in self._connection.execute(query, asked):
                found[row].add(plate)
        return found

    def close(self) -> None:
        self._connection.close()
        self._server.close()
