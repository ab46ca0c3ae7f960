"""`platewatch serve` as a process of its own, for tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from platewatch.notify import generate_secret
from tests.patience import PATIENCE, until

SECRET = generate_secret()

CONFIG = """
hotlist = "wanted.csv"
cameras = "cameras.csv"
source = "urn:platewatch:test"
policy.categories.stolen.check = 0.0001
http.port = 0
wass.url = "{wass}/events"
wass.secrets = ["{secret}"]
wass.timeout = 60.0
retry.first_delay = 0.05
retry.max_delay = 0.2
"""
WANTED = "id,plate,category,priority,agency\nA1,12가3456,stolen,2,광주경찰\nA2,서울52바3108,suicide risk,1,광주경찰\n"
CAMERAS = "camera_id,name,latitude,longitude,heading\nGJ-0001,City Hall,35.16,126.85,90\n"


def prepare(place: Path, *, wass: str, secret: str, more: str = "") -> Path:
    """Write the service's files to a folder; returns the settings' file."""
    (place / "wanted.csv").write_text(WANTED, "utf-8")
    (place / "cameras.csv").write_text(CAMERAS, "utf-8")
    config = place / "platewatch.toml"
    config.write_text(CONFIG.format(wass=wass, secret=secret) + more, "utf-8")
    return config


class Service:
    """A running service; `open_files` limits how many files it may have open, `file_bytes` how large each may be.
    `dumps` is the folder it works in, where the system would leave its core.
    """

    def __init__(
        self,
        config: Path,
        environment: Mapping[str, str] | None = None,
        open_files: int | None = None,
        file_bytes: int | None = None,
        dumps: Path | None = None,
    ) -> None:
        self.log_path = config.with_name(f"log-{time.monotonic_ns()}.jsonl")
        limits = [] if open_files is None else [f"ulimit -n {open_files}"]
        limits += [] if file_bytes is None else [f"ulimit -f {file_bytes // 512}"]
        limits += [] if dumps is None else ["ulimit -c unlimited"]
        limited = ["sh", "-c", " && ".join([*limits, 'exec "$@"']), "sh"] if limits else []
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [*limited, sys.executable, "-m", "platewatch", "serve", "--config", str(config)],
                stderr=log,
                env={**os.environ, **(environment or {})},
                cwd=dumps,
            )
        self.url = self._wait_until_listening()

    def _wait_until_listening(self) -> str:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for event in self.log():
                if event["event"] == "listening":
                    return str(event["url"])
            if self.process.poll() is not None:
                raise AssertionError(f"the service ended: {self.log_path.read_text('utf-8')}")
            time.sleep(0.02)
        self.kill()
        raise AssertionError("the service did not start")

    def log(self) -> list[dict[str, Any]]:
        """The log's events; what is not JSON fails the test."""
        lines = self.log_path.read_bytes().split(b"\n")
        return [json.loads(line) for line in lines[:-1]]

    def post(
        self, path: str, body: bytes, content_type: str = "application/json", method: str = "POST", **headers: str
    ) -> tuple[int, Any]:
        """(status, JSON answer) of a POST."""
        request = urllib.request.Request(
            self.url + path, data=body, headers={"Content-Type": content_type, **headers}, method=method
        )
        return _answer(request)

    def get(self, path: str) -> tuple[int, Any]:
        """(status, JSON answer) of a GET."""
        return _answer(urllib.request.Request(self.url + path))

    def source(self, name: str) -> dict[str, Any]:
        """What the status says of a source."""
        found: dict[str, Any] = self.get("/v1/status")[1]["sources"][name]
        return found

    def send(self, *reads: Mapping[str, Any]) -> tuple[int, Any]:
        """Send reads as one NDJSON batch."""
        body = b"".join(json.dumps(read).encode() + b"\n" for read in reads)
        return self.post("/v1/reads", body, "application/x-ndjson")

    def wait_until_delivered(self) -> None:
        """Until nothing is pending in the outbox."""
        until(lambda: not self.get("/v1/status")[1]["outbox"]["pending"])

    def terminate(self) -> int:
        """Stop it as an operator would; returns its exit status."""
        self.process.terminate()
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait(PATIENCE)


@contextmanager
def running(
    config: Path, environment: Mapping[str, str] | None = None, open_files: int | None = None
) -> Iterator[Service]:
    """A service that is ended with the block."""
    service = Service(config, environment, open_files)
    try:
        yield service
    finally:
        if service.process.poll() is None:
            service.kill()


def _answer(request: urllib.request.Request) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)
