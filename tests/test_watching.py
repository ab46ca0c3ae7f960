"""Whether the service says how it is: readiness, metrics, silent cameras, systemd, and what is in examples."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

import platewatch as pw
from platewatch.notify import Camera
from platewatch.notify.simulator import WassSimulator
from platewatch.service.alarms import Alarms
from platewatch.service.silence import SILENT, Silence, SilenceSettings
from platewatch.service.systemd import Systemd
from tests.feeds.test_service import alarms, wait_for
from tests.patience import PATIENCE
from tests.service import CAMERAS, Service, running

EXAMPLES = Path(__file__).parents[1] / "examples" / "operations"


def read(text: str, camera_id: str = "GJ-0001") -> dict[str, Any]:
    return {"text": text, "camera_id": camera_id, "time": datetime.now(UTC).isoformat()}


def metrics(service: Service) -> dict[str, dict[tuple[str, ...], float]]:
    """Values by the labels' values, by name."""
    with urllib.request.urlopen(f"{service.url}/metrics", timeout=PATIENCE) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        text = answer.read().decode()
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


def test_metrics_count_what_happens(tmp_path: Path, config: Path, wass: WassSimulator) -> None:
    (tmp_path / "cameras.csv").write_text(CAMERAS.replace("heading\n", "heading,agency\n").replace("90\n", "90,구청\n"))
    with running(config) as service:
        service.send(read("12가3456"), read("98하7654"), read("97하7654", "elsewhere"), {"text": "--"}, {"text": 5})
        service.wait_until_delivered()
        hitid = next(iter(wass.received)).partition(".")[0]
        assert service.post(f"/v1/hits/{hitid}/seen", b'{"by": "kim"}')[0] == 200
        assert service.post(f"/v1/hits/{hitid}/outcome", b'{"outcome": "confirmed", "by": "kim"}')[0] == 200
        found = metrics(service)
    assert found["platewatch_reads_total"] == {("구청", "http"): 2, ("unknown", "http"): 2}
    assert found["platewatch_reads_of_unknown_cameras"][()] == 2
    assert found["platewatch_reads_refused_total"] == {
        ("text", "no letter or digit", "http"): 1,
        ("text", "Expected `str`, got `int`", "http"): 1,
    }
    assert found["platewatch_hits_total"] == {("stolen", "notify"): 1}
    assert found["platewatch_match_seconds_count"][()] == 1
    assert found["platewatch_commit_seconds_count"][()] == 1
    assert found["platewatch_delivery_seconds_count"] == {("wass",): 1}
    assert found["platewatch_seen_seconds_count"][()] == 1
    assert found["platewatch_outcomes"] == {("confirmed",): 1}
    assert (found["platewatch_outbox_pending"], found["platewatch_outbox_dead"]) == ({("wass",): 0}, {("wass",): 0})
    assert (found["platewatch_list_entries"], found["platewatch_list_version"]) == (
        {("hotlist",): 2},
        {("hotlist",): 1},
    )
    assert found["platewatch_outbox_writable"][()] == 1
    assert "platewatch_alarms" not in found


def test_metrics_need_the_token_and_hold_no_plate(config: Path) -> None:
    environment = {"PLATEWATCH_HTTP__TOKEN": "secret"}
    with running(config, environment) as service:
        with pytest.raises(urllib.error.HTTPError, match="401"):
            metrics(service)
        body = json.dumps(
            [read("12가3456"), read("98하7654"), {"text": "98하7654", "time": "2026-11-23T09:00:00"}]
        ).encode()
        assert service.post("/v1/reads", body, Authorization="Bearer secret")[0] == 200
        request = urllib.request.Request(f"{service.url}/metrics", headers={"Authorization": "Bearer secret"})
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            text = answer.read().decode()
    assert 'platewatch_hits_total{category="stolen",grade="notify"} 1.0' in text
    assert not any(form in text for form in ("12가3456", "98하7654", "A1"))


def test_what_is_refused_is_logged_with_source_and_camera(config: Path) -> None:
    with running(config) as service:
        service.send(
            {"text": "--", "camera_id": "C1"},
            {"text": 5, "camera_id": "C2"},
            {"text": "1", "camera_id": "C3", "time": "2026-11-23T09:00:00"},
            {"text": "1" * 2000, "camera_id": "C4"},
            {"text": 5, "camera_id": "C" * 1000},
        )
        told = [line for line in service.log() if line["event"] == "read refused"]
    assert [(line["row"], line["source"], line["camera_id"]) for line in told] == [
        (1, "http", "C1"),
        (2, "http", "C2"),
        (3, "http", "C3"),
        (4, "http", "C4"),
        (5, "http", None),
    ]


def test_readiness_needs_a_fresh_list(tmp_path: Path, config: Path) -> None:
    with running(config, {"PLATEWATCH_LIST__STALE_AFTER": "3600.0"}) as service:
        assert service.get("/readyz") == (200, {"status": "ready"})
        hour_ago = time.time() - 4000
        os.utime(tmp_path / "wanted.csv", (hour_ago, hour_ago))
        wait_for(lambda: service.get("/readyz")[0] == 503)
        assert service.get("/readyz")[1]["reason"] == "the list of the feed hotlist is stale"
        assert metrics(service)["platewatch_alarms"] == {("list_stale",): 1}
        assert service.get("/healthz")[0] == 200
        os.utime(tmp_path / "wanted.csv")
        wait_for(lambda: service.get("/readyz")[0] == 200)


def test_readiness_needs_a_list(config: Path) -> None:
    text = config.read_text("utf-8").replace('hotlist = "wanted.csv"', "")
    config.write_text(text + '[feeds.a]\nkind = "push"\ntoken = "sixteen characters"\n', "utf-8")
    with running(config) as service:
        assert service.get("/readyz") == (503, {"status": "not ready", "reason": "no feed has a list"})


def test_readiness_needs_an_outbox_that_can_be_written(tmp_path: Path, config: Path) -> None:
    with running(config) as service:
        assert service.get("/readyz")[0] == 200
        (tmp_path / "outbox.db").rename(tmp_path / "moved.db")
        wait_for(lambda: service.get("/readyz")[0] == 503)
        assert "the outbox is lost" in service.get("/readyz")[1]["reason"]
        assert metrics(service)["platewatch_outbox_writable"][()] == 0


# ---------------------------------------------------------------------- silent cameras


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def silent(alarms: Alarms) -> list[tuple[str, str]]:
    return sorted((alarm.about, alarm.reason) for alarm in alarms.of(SILENT))


def test_a_camera_is_silent_after_a_while_and_heard_again() -> None:
    clock, alarms = Clock(), Alarms()
    cameras = [Camera(id="A"), Camera(id="B")]
    silence = Silence(SilenceSettings(after=60), cameras, alarms, clock=clock)
    clock.now = 50
    silence.took([pw.Read(text="1", camera_id="A"), pw.Read(text="1"), pw.Read(text="1", camera_id="not in the table")])
    silence.look()
    assert silent(alarms) == []
    clock.now = 61
    silence.look()
    assert silent(alarms) == [("B", "no read since the start")]
    clock.now = 111
    silence.look()
    assert silent(alarms) == [("A", "no read any more"), ("B", "no read since the start")]
    silence.took([pw.Read(text="1", camera_id="A")])
    silence.look()
    assert silent(alarms) == [("B", "no read since the start")]
    cameras.pop()  # taken out of the table
    silence.look()
    assert silent(alarms) == []


def test_a_quiet_road_may_be_silent_for_longer() -> None:
    clock, alarms = Clock(), Alarms()
    silence = Silence(SilenceSettings(after=60), [Camera(id="busy"), Camera(id="quiet")], alarms, clock=clock)
    for minute in range(200):
        clock.now = 60.0 * minute
        silence.took(
            [pw.Read(text="1", camera_id="busy")] + [pw.Read(text="1", camera_id="quiet")] * (minute % 30 == 0)
        )
    silence.took([pw.Read(text="1", camera_id="quiet")])
    clock.now += 60 * 25
    silence.look()
    assert silent(alarms) == [("busy", "no read any more")]


def test_nobody_asks_whether_cameras_are_silent() -> None:
    clock, alarms = Clock(), Alarms()
    silence = Silence(SilenceSettings(), [Camera(id="A")], alarms, clock=clock)
    clock.now = 1e9
    silence.look()
    assert len(alarms) == 0


def test_a_silent_camera_is_an_alarm_of_the_service(config: Path) -> None:
    with running(config, {"PLATEWATCH_SILENCE__AFTER": "0.5"}) as service:
        wait_for(lambda: alarms(service) == [(SILENT, "GJ-0001")])
        assert metrics(service)["platewatch_alarms"] == {(SILENT,): 1}


def test_too_many_alarms_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platewatch.service.alarms.MOST", 2)
    alarms = Alarms()
    for about in "abc":
        alarms.set("kind", about, "why")
    assert (len(alarms), alarms.left_out) == (2, 1)
    alarms.clear("kind", "a")
    alarms.set("kind", "c", "why")
    assert [alarm.about for alarm in alarms] == ["b", "c"]


# ---------------------------------------------------------------------- systemd


def test_systemd_is_told(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(tmp_path / "notify"))
        told.settimeout(PATIENCE)
        systemd = Systemd({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000"})
        systemd.tell("READY=1", "STATUS=well")
        assert told.recv(100) == b"READY=1\nSTATUS=well"
        alive = 0

        async def run() -> None:
            async def is_alive() -> None:
                nonlocal alive
                alive += 1

            watching = asyncio.create_task(systemd.watch(is_alive))
            for _ in range(3):
                assert await asyncio.to_thread(told.recv, 100) == b"WATCHDOG=1"
            watching.cancel()

        asyncio.run(run())
        assert alive >= 3


def test_systemd_is_not_told_where_nobody_asks(tmp_path: Path) -> None:
    Systemd({}).tell("READY=1")
    Systemd({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).tell("READY=1")  # told in the log, and no reason to end

    async def never() -> None:
        raise AssertionError

    asyncio.run(Systemd({}).watch(never))
    another = {"NOTIFY_SOCKET": "x", "WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}
    asyncio.run(Systemd(another).watch(never))


def test_the_service_tells_systemd(tmp_path: Path, config: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(tmp_path / "notify"))
        told.settimeout(PATIENCE)
        with running(config, {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "1000000"}) as service:
            assert {told.recv(100), told.recv(100)} == {b"READY=1", b"WATCHDOG=1"}
            assert service.terminate() == 0
            while (state := told.recv(100)) != b"STOPPING=1":
                assert state == b"WATCHDOG=1"


# ---------------------------------------------------------------------- what operators are given


def test_the_dashboard_and_the_rules_ask_for_metrics_that_there_are(config: Path, wass: WassSimulator) -> None:
    dashboard = json.loads((EXAMPLES / "grafana.json").read_text("utf-8"))
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked += re.findall(r"expr: (.*)", (EXAMPLES / "alerts.yml").read_text("utf-8"))
    names = {name for expression in asked for name in re.findall(r"\b(?:platewatch|process)_\w+", expression)}
    assert len(names) > 15
    with running(config, {"PLATEWATCH_SILENCE__AFTER": "0.1"}) as service:
        service.send(read("12가3456"), {"text": "--"})
        service.wait_until_delivered()
        hitid = next(iter(wass.received)).partition(".")[0]
        service.post(f"/v1/hits/{hitid}/outcome", b'{"outcome": "confirmed", "by": "kim"}')
        wait_for(lambda: alarms(service))
        assert names <= set(metrics(service))


def test_systemd_finds_no_fault_in_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    unit = (EXAMPLES / "platewatch.service").read_text("utf-8")
    there = re.sub(r"ExecStart=\S+", f"ExecStart={sys.executable}", unit)  # it looks whether there is such a program
    for text, faults in [(there, False), (there.replace("WatchdogSec=30", "WatchdogSeconds=30"), True)]:
        (tmp_path / "platewatch.service").write_text(text, "utf-8")
        command = ["systemd-analyze", "verify", str(tmp_path / "platewatch.service")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        said = [line for line in done.stderr.splitlines() if "platewatch.service" in line]
        assert bool(said) == faults, said


def test_prometheus_finds_no_fault_in_the_rules(tmp_path: Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("needs promtool (Debian: prometheus)")
    rules = (EXAMPLES / "alerts.yml").read_text("utf-8")
    for text, status in [(rules, 0), (rules.replace("== 0", "== = 0", 1), 1)]:
        (tmp_path / "alerts.yml").write_text(text, "utf-8")
        done = subprocess.run(
            ["promtool", "check", "rules", str(tmp_path / "alerts.yml")], capture_output=True, check=False
        )
        assert done.returncode == status, done.stderr


def test_each_rule_says_when_who_and_what() -> None:
    """Without Prometheus, too: that no rule lacks a part, and all that is written of labels is a label."""
    rules = re.split(r"(?m)^      - alert: ", (EXAMPLES / "alerts.yml").read_text("utf-8"))[1:]
    names = [rule.splitlines()[0] for rule in rules]
    assert len(names) > 8
    assert len(set(names)) == len(names)
    for rule in rules:
        (expression,) = re.findall(r"(?m)^        expr: (\S.*)$", rule)
        assert expression.count("(") == expression.count(")")
        assert expression.count("{") == expression.count("}")
        assert re.findall(r"(?m)^        labels: \{severity: (?:page|ticket)\}$", rule), rule
        (summary,) = re.findall(r'(?m)^          summary: "(.+)"$', rule)
        assert set(re.findall(r"\$labels\.(\w+)", summary)) <= {"route", "feed", "alarm", "source", "group"}


def test_the_unit_starts_what_there_is() -> None:
    unit = (EXAMPLES / "platewatch.service").read_text("utf-8")
    assert "Type=notify" in unit
    assert {"ExecReload=/bin/kill -HUP $MAINPID", "LimitCORE=0", "MemorySwapMax=0"} <= set(unit.splitlines())
    directives = [line.partition("=")[0] for line in unit.splitlines() if "=" in line and not line.startswith("#")]
    assert len(set(directives)) == len(directives) - 1, "none is said twice, but SystemCallFilter"
    (start,) = re.findall(r"ExecStart=\S+/platewatch (.*)", unit)
    done = subprocess.run(
        [sys.executable, "-m", "platewatch", *start.split()], capture_output=True, text=True, timeout=PATIENCE
    )
    assert (done.returncode, "/etc/platewatch/platewatch.toml" in done.stderr) == (2, True), "all but its settings"
