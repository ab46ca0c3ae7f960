"""How long a client that sends single reads waits while another one posts large batches again and again.

python -m tests.hostile.beside
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

from tests.service import SECRET, Service, prepare, running

PAUSE = 0.005  # seconds between two reads of the client


def _plate(rng: random.Random) -> str:
    return f"{rng.randrange(10, 100)}{rng.choice('가나다라마')}{rng.randrange(10_000):04d}"


def _post(connection: http.client.HTTPConnection, body: bytes) -> tuple[int, float]:
    """The status, and how long it took in seconds."""
    begin = time.perf_counter()
    connection.request("POST", "/v1/reads", body, {"Content-Type": "application/x-ndjson"})
    response = connection.getresponse()
    response.read()
    return response.status, time.perf_counter() - begin


def _connect(service: Service) -> http.client.HTTPConnection:
    address = urlsplit(service.url)
    assert address.hostname
    return http.client.HTTPConnection(address.hostname, address.port, timeout=600)


def _waits(service: Service, count: int, rng: random.Random) -> str:
    connection = _connect(service)
    waits = []
    for _ in range(count):
        body = json.dumps({"text": _plate(rng), "camera_id": "G1"}).encode()
        status, wait = _post(connection, body)
        assert status == 200, status
        waits.append(wait * 1e3)
        time.sleep(PAUSE)
    waits.sort()
    p50, p99 = (waits[int(share * (count - 1))] for share in (0.5, 0.99))
    return f"p50 {p50:.1f}, p99 {p99:.1f}, at most {waits[-1]:.0f} ms"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=300_000, help="reads of one large request (default: 300,000)")
    parser.add_argument("--reads", type=int, default=1000, help="single reads (default: 1,000)")
    arguments = parser.parse_args()
    rng = random.Random(1)
    batch = "\n".join(json.dumps({"text": _plate(rng)}, ensure_ascii=False) for _ in range(arguments.batch)).encode()
    with tempfile.TemporaryDirectory() as place:
        config = prepare(Path(place), wass="http://127.0.0.1:9", secret=SECRET)
        with running(config) as service:
            print(f"alone:                     {_waits(service, arguments.reads, rng)}")
            stop = threading.Event()
            answers: list[tuple[int, float]] = []

            def hog() -> None:
                connection = _connect(service)
                while not stop.is_set():
                    answers.append(_post(connection, batch))

            other = threading.Thread(target=hog)
            other.start()
            time.sleep(0.2)
            print(f"beside {arguments.batch:,} at a time: {_waits(service, arguments.reads, rng)}")
            stop.set()
            other.join()
            seconds = sum(wait for _, wait in answers) / len(answers)
            taken = sum(status == 200 for status, _ in answers)
            print(f"a large request: {seconds:.2f} s, {taken} of {len(answers)} taken")
    return 0


if __name__ == "__main__":
    sys.exit(main())
