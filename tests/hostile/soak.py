"""The service under everything at once: `make soak`.

It is killed every few seconds while clients that behave send reads, others do not behave, its disk is full now and
then, its list changes, operators answer, and of the agencies that it notifies one has one fault after another and one
is dead. What should have come is known here, and not from the service: each read of a wanted plate that was
acknowledged is due, once, at each agency that lives; an answer that was acknowledged is kept, and a mistake that was
answered so is not told again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import sys
import tempfile
import threading
import time
import urllib.error
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final, TypeAlias

from platewatch.notify.signing import generate_secret
from platewatch.notify.simulator import Faults, WassSimulator
from tests.hostile.clients import HEALTH, connect, post
from tests.patience import PATIENCE
from tests.service import WANTED as WANTED_LIST
from tests.service import Service, prepare
from tests.simulator import simulating

WANTED: Final = "12가3456"
MISTAKE: Final = "12가3458"  # taken for it, until an operator says that it is none
START: Final = datetime(2026, 11, 23, tzinfo=UTC)
FAULTS: Final = [
    Faults(),
    Faults(error=1.0),
    Faults(cut=0.5),
    Faults(twice=0.5),
    Faults(delay=0.3, delay_seconds=0.5),
    Faults(cut=0.2, error=0.2, twice=0.2),
]
DISK_FULL_EVERY: Final = 5  # kills
DISK_BYTES: Final = 48 * 1024  # of each file, then: enough to start, and for little more
AGENCIES: Final = """
[outcomes]
labelled_days = 30
[routes.city.to]
kind = "https"
url = "{city}/events"
secrets = ["{secret}"]
[routes.dead.to]
kind = "https"
url = "http://127.0.0.1:{port}/events"
secrets = ["{secret}"]
"""

Sighting: TypeAlias = tuple[str, datetime]
"""A camera and a time: no two reads have both."""


@dataclass
class Report:
    """What came of it."""

    kills: int = 0
    acknowledged: int = 0
    due: int = 0
    lost: int = 0
    invented: int = 0
    doubled: int = 0
    refused: int = 0  # answers 503
    lists: int = 0
    answers: int = 0
    answers_lost: int = 0
    silenced: int = 0  # reads of a mistake that an operator had told
    told_again: int = 0
    most_rss: int = 0  # bytes
    latencies: list[float] = field(default_factory=list)  # seconds

    @property
    def is_sound(self) -> bool:
        return not (self.lost or self.invented or self.doubled or self.answers_lost or self.told_again)

    def __str__(self) -> str:
        times = sorted(self.latencies) or [0.0]
        p50, p99 = (times[int(share * (len(times) - 1))] for share in (0.5, 0.99))
        rows: dict[str, object] = {
            "kill -9": self.kills,
            "reads acknowledged": self.acknowledged,
            "hits due": self.due,
            "lost": self.lost,
            "invented": self.invented,
            "doubled": self.doubled,
            "operators' answers": self.answers,
            "answers lost": self.answers_lost,
            "known mistakes read": self.silenced,
            "told again": self.told_again,
            "answers 503": self.refused,
            "lists replaced": self.lists,
            "most memory": f"{self.most_rss / 2**20:.0f} MiB",
            "a healthy client waits": f"p50 {p50 * 1e3:.1f}, p99 {p99 * 1e3:.1f}, at most {times[-1] * 1e3:.0f} ms",
        }
        return "\n".join(f"{name:24}{value}" for name, value in rows.items())


class Soak:
    """One run. `progress` is told of each kill."""

    def __init__(
        self, place: Path, kills: int, seed: int = 1, progress: Callable[[int], None] = lambda _: None
    ) -> None:
        self._place = place
        self._kills = kills
        self._random = random.Random(seed)
        self._progress = progress
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._sent: set[Sighting] = set()  # of the wanted plate
        self._acknowledged: set[Sighting] = set()
        self._mistaken: set[Sighting] = set()
        self._silenced: set[Sighting] = set()  # of these, read while it was known to be a mistake
        self._known_mistakes = 0  # odd while it is known to be one
        self._answered: set[tuple[str, str]] = set()  # hit and outcome
        self._failures: list[BaseException] = []
        self._report = Report()

    def run(self) -> Report:
        """Raises what went wrong in a client."""
        secret = generate_secret()
        with simulating(secret) as wass, simulating(secret) as city:
            more = AGENCIES.format(city=city.url, secret=secret, port=_free_port())
            config = prepare(self._place, wass=wass.url, secret=secret, more=more)
            self._wass = wass
            self._environment = {"PLATEWATCH_HTTP__PORT": str(_free_port())}
            self._service = Service(config, self._environment)
            clients = [self._healthy(number) for number in range(4)]
            clients += [
                self._mistaking,
                self._operator,
                self._garbage,
                self._dribble,
                self._never_reading,
                self._crowd,
                self._changing_list,
            ]
            threads = [threading.Thread(target=self._guarded, args=[client]) for client in clients]
            threads.append(threading.Thread(target=self._guarded, args=[self._watch]))
            for thread in threads:
                thread.start()
            try:
                self._kill_again_and_again(config, wass)
            finally:
                self._stop.set()
                for thread in threads:
                    thread.join()
            if self._failures:
                raise self._failures[0]
            wass.faults = Faults()
            self._wait_until_delivered()
            outcomes = self._service.get("/v1/status")[1]["outcomes"]
            self._service.kill()
            self._judge(wass, city)
            self._judge_answers(wass, outcomes)
        return self._report

    def _kill_again_and_again(self, config: Path, wass: WassSimulator) -> None:
        for number in range(1, self._kills + 1):
            wass.faults = FAULTS[number % len(FAULTS)]
            time.sleep(self._random.uniform(0.2, 2.5))
            self._service.kill()
            self._report.kills = number
            self._progress(number)
            if number % DISK_FULL_EVERY == 0:
                # A limit of its files does to it what a full disk does.
                with suppress(AssertionError):  # or not even to start
                    self._service = Service(config, self._environment, file_bytes=DISK_BYTES)
                    time.sleep(self._random.uniform(0.2, 1.0))
                    self._service.kill()
            self._service = Service(config, self._environment)

    def _guarded(self, client: Callable[[], None]) -> None:
        try:
            client()
        except BaseException as error:  # of a thread, nobody else would hear
            self._failures.append(error)

    def _healthy(self, number: int) -> Callable[[], None]:
        """A source that sends each read until it is acknowledged."""
        rng = random.Random(number)

        def client() -> None:
            for second in range(10, 10**9, 10):
                sighting = f"S{number}", START + timedelta(seconds=second)
                wanted = rng.random() < 0.6
                text = WANTED if wanted else f"{rng.randrange(10, 100)}무{rng.randrange(10_000):04d}"
                read = {"text": text, "camera_id": sighting[0], "time": sighting[1].isoformat()}
                if wanted:
                    with self._lock:
                        self._sent.add(sighting)
                while not self._is_acknowledged(read):
                    if self._stop.is_set():
                        return
                    time.sleep(0.05)
                with self._lock:
                    self._report.acknowledged += 1
                    if wanted:
                        self._acknowledged.add(sighting)
                if self._stop.is_set():
                    return

        return client

    def _mistaking(self) -> None:
        """A source whose camera takes another plate for the wanted one, again and again."""
        for second in range(100, 10**9, 100):
            sighting = "M", START + timedelta(seconds=second)
            read = {"text": MISTAKE, "camera_id": sighting[0], "time": sighting[1].isoformat()}
            with self._lock:
                self._mistaken.add(sighting)
                known = self._known_mistakes
            while not self._is_acknowledged(read):
                if self._stop.wait(0.05):
                    return
            with self._lock:
                self._report.acknowledged += 1
                if known % 2 and known == self._known_mistakes:
                    self._silenced.add(sighting)
            if self._stop.wait(0.02):
                return

    def _operator(self) -> None:
        """Confirms hits, says that mistakes are some, and thinks again later; each answer until it is acknowledged."""
        answered: set[str] = set()
        while not self._stop.wait(0.1):
            events = list(self._wass.received.values())
            for event in events[-20:]:
                hitid = event.id.partition(".")[0]
                if hitid in answered:
                    continue
                answered.add(hitid)
                if event.data.read_text == WANTED:
                    self._answer(hitid, "confirmed")
                elif self._answer(hitid, "misread"):
                    self._turn()
                    self._stop.wait(self._random.uniform(0.2, 2.0))
                    self._turn()
                    self._answer(hitid, "cannot_tell")

    def _turn(self) -> None:
        with self._lock:
            self._known_mistakes += 1

    def _answer(self, hitid: str, outcome: str) -> bool:
        """Whether it was acknowledged before the end."""
        said = json.dumps({"outcome": outcome, "by": "soak"}).encode()
        while not self._stop.is_set():
            with suppress(OSError, HTTPException, urllib.error.URLError, ValueError):
                status, _ = self._service.post(f"/v1/hits/{hitid}/outcome", said)
                if status == 200:
                    self._answered.add((hitid, outcome))
                    return True
                assert status == 503, status
            self._stop.wait(0.05)
        return False

    def _wait_until_delivered(self) -> None:
        """Of the agencies that live."""
        deadline = time.monotonic() + PATIENCE
        while any(self._service.get("/v1/status")[1]["routes"][name]["pending"] for name in ("wass", "city")):
            assert time.monotonic() < deadline, "notifications are still pending"
            time.sleep(0.05)

    def _is_acknowledged(self, read: dict[str, str]) -> bool:
        begin = time.perf_counter()
        try:
            status, _ = self._service.post("/v1/reads", json.dumps(read).encode())
        except (OSError, HTTPException, urllib.error.URLError, ValueError):
            return False  # it was killed, or is not there yet
        if status == 503:
            with self._lock:
                self._report.refused += 1
            return False
        assert status == 200, status
        with self._lock:
            self._report.latencies.append(time.perf_counter() - begin)
        return True

    def _garbage(self) -> None:
        bodies = [
            b"1\n" * 100_000,
            b"[" * 100_000,
            b"\xff" * 100_000,
            b'{"text": "' + b"A" * 100_000 + b'"}',
            b"{}" * 1000,
        ]
        while not self._stop.is_set():
            with suppress(OSError, HTTPException, ValueError):
                self._service.post("/v1/reads", self._random.choice(bodies))
            time.sleep(0.05)

    def _crowd(self) -> None:
        """Many reads of one camera at once, none of them with a time."""
        texts = [f"{n % 90 + 10}무{n * 7919 % 10_000:04d}" for n in range(3000)]
        reads = b"\n".join(json.dumps({"text": text, "camera_id": "CROWD"}).encode() for text in texts)
        while not self._stop.is_set():
            with suppress(OSError, HTTPException, ValueError):
                self._service.post("/v1/reads", reads)
            time.sleep(0.2)

    def _changing_list(self) -> None:
        """A list of which a few entries change, and then nearly all: what is wanted always is."""
        rng = random.Random(0)
        numbers = list(range(2000))
        while not self._stop.wait(rng.uniform(0.1, 0.6)):
            if rng.random() < 0.3:
                numbers = rng.sample(range(100_000), rng.randrange(1500, 2500))
            else:
                numbers[rng.randrange(len(numbers))] = rng.randrange(100_000)
            # Plates that no read of the others is near.
            rows = "".join(f"L{number},QX{number:05d}Z,stolen,2,x\n" for number in numbers)
            beside = self._place / ".wanted.csv"
            beside.write_text(WANTED_LIST + rows, "utf-8")
            beside.rename(self._place / "wanted.csv")
            self._report.lists += 1

    def _dribble(self) -> None:
        """Connections that begin a request and never end it."""
        held: list[socket.socket] = []
        while not self._stop.wait(0.05):
            with suppress(OSError, AssertionError):
                client = connect(self._service.url)
                client.sendall(b"POST /v1/reads HTTP/1.1\r\nContent-Length: 100\r\n")
                held.append(client)
            if len(held) > 200:
                held.pop(0).close()
        for client in held:
            client.close()

    def _never_reading(self) -> None:
        """Requests one behind another, whose answers nobody reads."""
        while not self._stop.is_set():
            with suppress(OSError, AssertionError), connect(self._service.url) as client:
                client.settimeout(1)
                for _ in range(2000):
                    client.sendall(HEALTH * 50 + post(b"1\n" * 500))
            time.sleep(0.1)

    def _watch(self) -> None:
        while not self._stop.wait(0.1):
            with suppress(OSError, ValueError, IndexError):
                pages = int(Path(f"/proc/{self._service.process.pid}/statm").read_text().split()[1])
                self._report.most_rss = max(self._report.most_rss, pages * os.sysconf("SC_PAGESIZE"))

    def _judge(self, *agencies: WassSimulator) -> None:
        self._report.due = len(agencies) * len(self._acknowledged)
        for agency in agencies:
            hits: dict[Sighting, set[str]] = defaultdict(set)
            for event in agency.received.values():
                hits[event.data.camera.id, event.data.time].add(event.id.partition(".")[0])
            self._report.lost += len(self._acknowledged - hits.keys())
            self._report.invented += len(hits.keys() - self._sent - self._mistaken)
            self._report.doubled += sum(len(ids) > 1 for ids in hits.values())
            self._report.told_again += len(self._silenced & hits.keys())

    def _judge_answers(self, wass: WassSimulator, outcomes: dict[str, Any]) -> None:
        self._report.answers = len(self._answered)
        self._report.silenced = len(self._silenced)
        said = Counter(outcome for _, outcome in self._answered)
        kept = Counter(outcomes["counts"])
        labelled = Counter(labelled=outcomes["labelled_reads"])
        self._report.answers_lost = (said - kept).total() + (Counter(labelled=said["confirmed"]) - labelled).total()
        # What an operator has said is a mistake is taken back from who was told.
        taken_back = {event.id.partition(".")[0] for event in wass.withdrawn.values()}
        self._report.answers_lost += len(
            {hitid for hitid, outcome in self._answered if outcome == "misread"} - taken_back
        )


def _free_port() -> int:
    """So that clients find it again after it was killed."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill the service again and again under load, and count what is lost.")
    parser.add_argument("--kills", type=int, default=200, help="how often (default: 200, about ten minutes)")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()

    def progress(number: int) -> None:
        print(
            f"\rkill {number} of {arguments.kills}",
            end="" if number < arguments.kills else "\n",
            file=sys.stderr,
            flush=True,
        )

    with tempfile.TemporaryDirectory() as place:
        report = Soak(Path(place), arguments.kills, arguments.seed, progress).run()
    print(report)
    return 0 if report.is_sound else 1


if __name__ == "__main__":
    sys.exit(main())
