"""PostgreSQL: fuzzystrmatch's distance behind pg_trgm's index, on a server of its own that ends with the index.

An edit changes at most 3 of a text's trigrams. So of a read's T, a plate within k edits has at least T - 3k, and at
most 3k others: its similarity is at least (T - 3k) / (T + 3k). With that as its threshold the trigram index misses
nothing; where it is not above 0, every plate of about the same length is compared.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import weakref
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import Index, PeerMissing, version_of

HOW = "Debian: postgresql, or another one's server and contrib"
STARTING = 30.0  # seconds
ENDING = 10.0
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "shared_buffers": "512MB",
    "work_mem": "256MB",
    "maintenance_work_mem": "512MB",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "random_page_cost": "1.1",
}


class PostgresTrigrams:
    name = "PostgreSQL pg_trgm + fuzzystrmatch"
    settings = (
        "levenshtein_less_equal behind a GIN index of trigrams, its threshold low enough to be complete; a scan by"
        " length where none is (k=3); reads of one threshold in one query; Unix socket, no fsync, no parallel workers"
    )
    least_edits, most_edits = 1, 3
    distance = "Levenshtein"
    largest = 300_000
    reads_a_second = 300.0

    def version(self) -> str:
        driver = version_of("psycopg")
        server = subprocess.run([binary("postgres"), "--version"], check=True, capture_output=True, text=True)
        return f"{server.stdout.strip()}, {driver}"

    def build(self, plates: Sequence[str], _: int, /) -> Index:
        self.version()
        server = Server()
        try:
            return TrigramIndex(server, plates)
        except BaseException:
            server.close()
            raise


def binary(name: str) -> str:
    """A program of the server; Debian keeps them off the path."""
    newest = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: -float(folder.parent.name))
    found = shutil.which(name, path=os.pathsep.join(map(str, newest))) or shutil.which(name)
    if found is None:
        raise PeerMissing(f"there is no PostgreSQL server here ({HOW})")
    return found


class Server:
    """In a folder of its own, reached through a socket in it, as somebody else than root."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="peer-postgres-"))
        self._end = weakref.finalize(self, shutil.rmtree, self.folder)  # at the interpreter's exit, too
        as_user: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = unprivileged()
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        data = self.folder / "data"
        quiet: dict[str, Any] = {"cwd": self.folder, "stdin": subprocess.DEVNULL, **as_user}
        try:
            subprocess.run(
                [
                    binary("initdb"),
                    "-D",
                    data,
                    "-U",
                    "peer",
                    "-A",
                    "trust",
                    "-E",
                    "UTF8",
                    "--locale=C.UTF-8",
                    "--no-sync",
                ],
                check=True,
                capture_output=True,
                text=True,
                **quiet,
            )
        except subprocess.CalledProcessError as error:
            self.close()
            raise PeerMissing(f"initdb failed: {error.stderr.strip()}") from error
        settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [binary("postgres"), "-D", data, "-k", self.folder, *settings], stdout=log, stderr=log, **quiet
            )
        self._end.detach()
        self._end = weakref.finalize(self, end, process, self.folder)
        self._process = process

    def connect(self) -> Any:
        import time

        import psycopg

        until = time.monotonic() + STARTING
        while True:
            try:
                return psycopg.connect(host=str(self.folder), user="peer", dbname="postgres", autocommit=True)
            except psycopg.OperationalError as error:
                if self._process.poll() is not None or time.monotonic() > until:
                    log = (self.folder / "log").read_text().strip()
                    raise PeerMissing(f"the PostgreSQL server does not start: {log or error}") from error
                time.sleep(0.05)

    def close(self) -> None:
        self._end()


def unprivileged() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise PeerMissing("PostgreSQL does not run as root, and there is no user postgres or nobody")


def end(process: subprocess.Popen[bytes], folder: Path) -> None:
    process.send_signal(2)  # SIGINT: a fast shutdown
    try:
        process.wait(ENDING)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    shutil.rmtree(folder)


class TrigramIndex:
    def __init__(self, server: Server, plates: Sequence[str]) -> None:
        import psycopg

        self._server = server
        self._connection = connection = server.connect()
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
