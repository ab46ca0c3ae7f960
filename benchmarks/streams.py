"""What cameras that are followed cost: memory of the serving process. `python -m benchmarks.streams`

1,000 emulated cameras, in a process of their own, stream signs of life, events and pictures over the loopback; beside
it the same service without them.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

from platewatch.notify import generate_secret

_PICTURE = Random(1).randbytes(150_000)
_PATIENCE = 300.0  # seconds until all are connected
_SETTLED = 5.0
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/mixed; boundary=boundary\r\nConnection: close\r\n\r\n"
_ALERT = (
    '<EventNotificationAlert version="2.0"><macAddress>{mac}</macAddress><channelID>1</channelID>'
    "<dateTime>{time}</dateTime><eventType>{kind}</eventType><eventState>{state}</eventState>{anpr}"
    "</EventNotificationAlert>"
)


def _part(kind: bytes, content: bytes) -> bytes:
    return b"--boundary\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b\r\n" % (kind, len(content), content)


class Cameras:
    """Each connection is a camera's: a sign of life every `beat` seconds, and an event with a picture every `event`."""

    def __init__(self, beat: float, event: float) -> None:
        self._beat = beat
        self._event = event
        self._number = itertools.count()

    async def serve(self) -> None:
        server = await asyncio.start_server(self._stream, "127.0.0.1", 0, backlog=2048)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = next(self._number)
        random = Random(number)
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(_HEAD)
            due = time.monotonic() + random.uniform(0, self._event)
            await asyncio.sleep(random.uniform(0, self._beat))
            while True:
                if time.monotonic() >= due:
                    due += self._event
                    plate = f"{random.randrange(10, 100)}가{random.randrange(1000, 10_000)}"
                    anpr = f"<ANPR><licensePlate>{plate}</licensePlate></ANPR><UUID>{random.getrandbits(64):x}</UUID>"
                    writer.write(self._alert(number, "ANPR", "active", anpr) + _part(b"image/jpeg", _PICTURE))
                else:
                    writer.write(self._alert(number, "videoloss", "inactive", ""))
                await writer.drain()
                await asyncio.sleep(self._beat)
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.close()

    @staticmethod
    def _alert(number: int, kind: str, state: str, anpr: str) -> bytes:
        when = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
        mac = ":".join(f"{byte:02x}" for byte in number.to_bytes(6, "big"))
        return _part(b"application/xml", _ALERT.format(mac=mac, time=when, kind=kind, state=state, anpr=anpr).encode())


def _settings(place: Path, port: int, cameras: int) -> Path:
    (place / "wanted.csv").write_text("id,plate,category,priority,agency\nA1,12가3456,stolen,2,x\n", "utf-8")
    lines = [
        'hotlist = "wanted.csv"',
        "http.port = 0",
        'wass.url = "http://127.0.0.1:9/events"',
        f'wass.secrets = ["{generate_secret()}"]',
    ]
    for number in range(cameras):
        url = f"http://127.0.0.1:{port}/ISAPI/Event/notification/alertStream"
        lines.append(
            f'[sources.c{number}]\nformat = "hikvision"\nstream = {{url = "{url}", user = "a", password = "b"}}'
        )
    path = place / "platewatch.toml"
    path.write_text("\n".join(lines), "utf-8")
    return path


def _resident(process: int, name: str) -> float:
    """MiB: VmRSS now, VmHWM at most."""
    for line in Path(f"/proc/{process}/status").read_text("utf-8").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"no {name}")


def _cpu(process: int) -> float:
    """Seconds."""
    fields = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def measure(port: int, cameras: int, seconds: float) -> dict[str, float]:
    """Of a service that follows so many."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as ending:
        place = Path(folder)
        config = _settings(place, port, cameras)
        log = place / "log"
        service = subprocess.Popen(
            [sys.executable, "-m", "platewatch", "serve", "--config", str(config)], stderr=log.open("wb")
        )
        ending.callback(service.wait)
        ending.callback(service.terminate)
        url = _url(log, service)
        _until(lambda: _connected(url) == cameras)
        time.sleep(_SETTLED)
        begun, cpu = time.monotonic(), _cpu(service.pid)
        time.sleep(seconds)
        sources = _status(url)["sources"].values()
        return {
            "connected": _connected(url),
            "messages": sum(one["messages"] for one in sources),
            "reads": sum(one["reads"] for one in sources),
            "cpu": (_cpu(service.pid) - cpu) / (time.monotonic() - begun),
            "resident": _resident(service.pid, "VmRSS"),
            "peak": _resident(service.pid, "VmHWM"),
        }


def _url(log: Path, service: subprocess.Popen[bytes]) -> str:
    found = ""

    def listening() -> bool:
        nonlocal found
        if service.poll() is not None:
            raise SystemExit(log.read_text("utf-8"))
        events = [json.loads(line) for line in log.read_text("utf-8").splitlines() if line.endswith("}")]
        found = next((str(event["url"]) for event in events if event["event"] == "listening"), "")
        return bool(found)

    _until(listening)
    return found


def _until(condition: Any) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit("it takes too long")
        time.sleep(0.5)


def _status(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}/v1/status") as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def _connected(url: str) -> int:
    return sum(one["transport"]["connected"] for one in _status(url)["sources"].values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cameras", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60.0, help="after all are connected")
    parser.add_argument("--beat", type=float, default=5.0, help="seconds between two signs of life")
    parser.add_argument("--event", type=float, default=20.0, help="seconds between two events of a camera")
    parser.add_argument("--emulate", action="store_true", help="be the cameras")
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if options.emulate:
        asyncio.run(Cameras(options.beat, options.event).serve())
        return
    emulate = [sys.executable, "-m", "benchmarks.streams", "--emulate"]
    emulate += ["--beat", str(options.beat), "--event", str(options.event)]
    with subprocess.Popen(emulate, stdout=subprocess.PIPE) as cameras:
        try:
            if cameras.stdout is None:
                raise AssertionError("its output is a pipe")
            port = int(cameras.stdout.readline())
            print(f"{'cameras':>8} {'messages':>9} {'reads':>7} {'CPU':>6} {'MiB':>7} {'at most':>8}")
            for count in (0, options.cameras):
                found = measure(port, count, options.seconds if count else 1.0)
                print(
                    f"{found['connected']:>8.0f} {found['messages']:>9.0f} {found['reads']:>7.0f} "
                    f"{found['cpu']:>6.1%} {found['resident']:>7.1f} {found['peak']:>8.1f}",
                    flush=True,
                )
        finally:
            cameras.terminate()


if __name__ == "__main__":
    main()
