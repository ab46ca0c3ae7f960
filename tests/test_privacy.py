"""What is read and is no hit is written nowhere: not by a run in which everything is on, and not by its crash."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tarfile
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from platewatch.cli import app
from platewatch.notify.simulator import WassSimulator
from tests.feeds.test_service import wait_for
from tests.patience import PATIENCE
from tests.service import Service
from tests.test_outcomes import answer

INNOCENTS = ["77무7741", "31부4907", "서울34아8826", "158호3093"]
NEAR = "12가3458"  # of 12가3456, which is wanted: told as a hit, and answered as a misread
WANTED = "12가3456"
START = datetime(2026, 11, 28, 3, tzinfo=UTC)
TOKEN = "0123456789abcdef"
MORE = f"""
[silence]
after = 0.2
[look_back]
minutes = 10
[outcomes]
labelled_days = 30
[learning]
interval = 0.5
share = 1.0
[sources.gate]
format = "mapping"
camera = "GJ-0001"
mapping = {{plate = "carNo", time = "inTime", zone = "Asia/Seoul"}}
[sources.drop]
format = "platewatch"
folder = {{path = "drop", interval = 0.05}}
[feeds.seoul]
kind = "push"
token = "{TOKEN}"
[routes.city.to]
kind = "file"
path = "city.jsonl"
"""


def forms(plate: str) -> Iterator[bytes]:
    """How it may stand in a file."""
    yield json.dumps(plate)[1:-1].encode()
    for charset in ("utf-8", "cp949", "utf-16-le", "utf-32-le"):
        yield plate.encode(charset)


def found_in(data: bytes, plates: list[str]) -> list[str]:
    return [plate for plate in plates if any(form in data for form in forms(plate))]


@pytest.fixture
def dumps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a process that is aborted leaves its core."""
    folder = tmp_path_factory.mktemp("dumps")
    code = "import os; plate = '77' + chr(0xBB34) + '7741'; os.abort()"
    subprocess.run(
        ["sh", "-c", 'ulimit -c unlimited && exec "$@"', "sh", sys.executable, "-c", code], cwd=folder, check=False
    )
    cores = list(folder.glob("core*"))
    if not cores:
        pytest.skip(
            "the system leaves no core in a process's folder (kernel.core_pattern, or a limit of the machine's)"
        )
    assert any(found_in(core.read_bytes(), ["77무7741"]) for core in cores), "a core shows what was in memory"
    for core in cores:
        core.unlink()
    return folder


def test_a_run_with_everything_on_leaves_no_read_behind(
    tmp_path: Path, config: Path, wass: WassSimulator, dumps: Path
) -> None:
    (tmp_path / "drop").mkdir()
    config.write_text(config.read_text("utf-8") + MORE, "utf-8")
    service = Service(config, {"PLATEWATCH_POLICY__QUIET": "0.0"}, dumps=dumps)
    shown: list[bytes] = []
    try:
        work(service, tmp_path, wass, shown)
        service.process.send_signal(signal.SIGABRT)
        assert service.process.wait(PATIENCE) == -signal.SIGABRT
    finally:
        if service.process.poll() is None:
            service.kill()
    assert list(dumps.iterdir()) == [], "a crash leaves no core"

    backup = tmp_path / "backup.tar"
    run = CliRunner().invoke(app, ["backup", "--config", str(config), str(backup)])
    assert run.exit_code == 0, run.output
    with tarfile.open(backup) as packed:
        shown += [part.read() for member in packed.getmembers() if (part := packed.extractfile(member)) is not None]
    files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert {"outbox.db", "feeds.db", "learnt.json", "city.jsonl", "platewatch.toml"} <= {path.name for path in files}
    assert any(path.parent.name == "access" for path in files)
    assert any(path.name.startswith("log-") for path in files)
    assert found_in(b"".join(files.values()), [WANTED]), "a hit is found, and so would be others"
    for place, data in [*files.items(), *(("an answer", data) for data in shown)]:
        assert not found_in(data, INNOCENTS), place
    # Of what an operator has said is none, only far ends that had been told of it before have it.
    kept = [path for path, data in files.items() if found_in(data, [NEAR])]
    assert {path.name for path in kept} <= {"city.jsonl", "outbox.db-wal"}


def work(service: Service, place: Path, wass: WassSimulator, shown: list[bytes]) -> None:
    """A day in short: `shown` gets all that it answers."""

    def said(answered: tuple[int, Any]) -> Any:
        shown.append(json.dumps(answered, ensure_ascii=False).encode())
        return answered[1]

    def post(path: str, body: bytes, **headers: str) -> Any:
        return said(service.post(path, body, **headers))

    def read(text: str, minutes: float, **more: object) -> dict[str, object]:
        return {"text": text, "time": (START + timedelta(minutes=minutes)).isoformat(), "camera_id": "GJ-0001", **more}

    for minute, plate in enumerate(INNOCENTS):
        chars = [{"c": c, "p": 0.9, "alts": [[plate[0], 0.05]]} for c in plate]
        said(service.send(read(plate, minute, chars=chars, pass_id="1"), read(plate, minute + 0.1, engine="net")))
        said(service.send(read(plate, minute, candidates=[{"text": plate, "p": 0.8}], image_url=f"file://{plate}")))
        said(service.send(read(plate * 3, minute), {"text": plate, "time": plate}, {"text": [plate]}, {plate: plate}))
        post("/v1/reads", f"<plate>{plate}</plate>".encode())
        post("/v1/reads", plate.encode("cp949"))
        post("/v1/sources/gate", json.dumps({"carNo": plate, "inTime": "2026-11-28 12:00:00"}).encode())
        post("/v1/sources/gate", json.dumps({"carNo": [plate], "x": plate}).encode())
        post("/v1/sources/gate", f"carNo={plate}".encode())
        post(f"/v1/hits/{minute}/outcome", json.dumps({"outcome": "misread", "by": "Kim"}).encode())
        post("/v1/feeds/seoul/deltas", f"[{minute}".encode(), Authorization=f"Bearer {TOKEN}")
        (place / "drop" / f"{minute}.json").write_text(json.dumps(read(plate, minute)), "utf-8")
    wait_for(lambda: not list((place / "drop").glob("*.json")))
    assert said(service.send(read(WANTED, 30)))["hits"] == 1
    assert said(service.send(read(NEAR, 60)))["hits"] == 1
    service.wait_until_delivered()
    hits = {event.data.read_text: event.id.partition(".")[0] for event in wass.received.values()}
    assert set(hits) == {WANTED, NEAR}
    said(answer(service, hits[WANTED], outcome="confirmed"))
    said(answer(service, hits[NEAR], outcome="misread"))
    assert said(service.send(read(NEAR, 90)))["hits"] == 0
    urgent = {"id": "U1", "plate": "99하9999", "category": "suicide risk", "priority": 1}
    change = {"version": 1, "upserts": [urgent | {"approved_by": "Lee", "legal_basis": "x"}], "removals": []}
    assert post("/v1/feeds/seoul/deltas", json.dumps(change).encode(), Authorization=f"Bearer {TOKEN}")["changed"]
    service.process.send_signal(signal.SIGHUP)
    wait_for(lambda: (place / "learnt.json").exists())
    wait_for(lambda: any("looked back" in line["event"] for line in service.log()))
    wait_for(lambda: service.get("/v1/status")[1]["alarms"])
    service.wait_until_delivered()
    said(service.get("/v1/status"))
    said(service.get("/readyz"))
    with urllib.request.urlopen(f"{service.url}/metrics", timeout=PATIENCE) as metrics:
        shown.append(metrics.read())


LOOKED_INTO = """
import ctypes, os, resource, sys
from platewatch.service.dumps import keep_from_dumps
if os.geteuid() == 0:  # who may look into everything
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # as every process begins, though to change the user ends it
refused = keep_from_dumps() if "keep" in sys.argv else None
if os.fork() == 0:
    try:
        open(f"/proc/{os.getppid()}/mem", "rb")
    except PermissionError:
        os._exit(1)
    os._exit(0)
looked = os.waitstatus_to_exitcode(os.wait()[1]) == 0
print(refused, resource.getrlimit(resource.RLIMIT_CORE)[1] == 0, looked)
"""


def test_nobody_but_root_looks_into_the_memory() -> None:
    """Neither a dump nor another process of the same user."""

    def told(*arguments: str) -> str:
        arguments = (sys.executable, "-c", LOOKED_INTO, *arguments)
        return subprocess.run(arguments, capture_output=True, text=True, check=True).stdout

    if not told().endswith("True\n"):
        pytest.skip("here no process may look into another of its user, whatever that says")
    assert told("keep") == "[] True False\n"
