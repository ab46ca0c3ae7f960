"""The commands of whoever runs the service: its settings checked, secrets made, and what it keeps backed up."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

import platewatch as pw
from platewatch.notify import Signer
from platewatch.notify.simulator import WassSimulator
from platewatch.service.audit import lines
from platewatch.service.config import load, strange_variables
from platewatch.service.keys import hash_of
from platewatch.sources.positions import Position
from tests.feeds.test_service import LATE, PUSHED, feed, push, read
from tests.patience import PATIENCE
from tests.service import SECRET, prepare, running


def run(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "platewatch", *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, **(environment or {})},
    )


# ---------------------------------------------------------------------- settings

SOURCE = """
[sources.gate]
format = "dahua"
tail = {path = "reads.ndjson"}
"""


def test_settings_that_are_good_are_said_to_be(config: Path) -> None:
    config.write_text(config.read_text("utf-8") + 'http.keys = "keys.toml"\n' + PUSHED + SOURCE, "utf-8")
    config.with_name("keys.toml").write_text(f'[keys.gate]\nhash = "{hash_of("k")}"\nmay = ["reads"]\n')
    before = sorted(path.name for path in config.parent.iterdir())
    done = run("config", "check", str(config))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "keys: 1",
        "feed hotlist: 2 entries, 0 bad rows",
        "feed seoul: push, not asked",
        "cameras: 1",
        "source gate: dahua",
        "routes: wass",
        f"{config} is good",
    ]
    assert sorted(path.name for path in config.parent.iterdir()) == before, "nothing is written"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("http.prot = 8080", "http: Object contains unknown field `prot`: did you mean `port`?"),
        ("polcy.check = 0.1", "unknown field `polcy`: did you mean `policy`?"),
        (
            "policy.categories.x.chek = 1",
            "policy.categories.x: Object contains unknown field `chek`: did you mean `check`?",
        ),
        ("routes.a.categoris = ['x']", "unknown field `categoris`: did you mean `categories`?"),
        ("feeds.a = {kind = 'file', pth = 'x'}", "unknown field `pth`: did you mean `path`?"),
        ("http.zzz = 1", "http: Object contains unknown field `zzz`\n"),
        ("model = 'nowhere.json'", "model: "),
        ("cameras = 'nowhere.csv'", "cameras: cannot read"),
        ("hotlist = 'nowhere.csv'", "feed hotlist: "),
        ("hotlist = 'bad.csv'", "feed hotlist: "),
        ("wass.secrets = ['short']", "wass.secrets: "),
        ("http.keys = 'nowhere.toml'", "http.keys: cannot read"),
        ("http.keys = 'keys.toml'", "keys.gate: Object contains unknown field `camera`: did you mean `cameras`?"),
        ("http.tls = {certificate = 'bad.csv'}", "http.tls.certificate: cannot use"),
        ("admin = {tls = {certificate = 'nowhere.pem'}}", "admin.tls.certificate: cannot use"),
        (
            "sources.gate = {format = 'dahua', tcp = {listen = '127.0.0.1:0', tls = {certificate = 'bad.csv'}}}",
            "sources.gate.tcp.tls.certificate: cannot use",
        ),
        (
            "sources.gate = {format = 'dahua', mqtt = {url = 'mqtts://b', topics = ['t'], client_id = 'c', ca = 'no'}}",
            "sources.gate.mqtt.ca: cannot use",
        ),
        ("routes.a.to = {kind = 'mqtt', url = 'mqtts://b', topic = 't', ca = 'nowhere.pem'}", "routes.a.to.ca: cannot"),
        ("population = 'atlantis'", "population: "),
    ],
)
def test_settings_that_are_bad_are_told_with_what_may_be_meant(tmp_path: Path, more: str, message: str) -> None:
    lines = {"hotlist": "hotlist = 'wanted.csv'", "wass.secrets": f"wass.secrets = ['{SECRET}']"}
    name = more.partition(" = ")[0]
    lines[name] = more
    config = tmp_path / "platewatch.toml"
    config.write_text("wass.url = 'http://127.0.0.1:1/'\n" + "\n".join(lines.values()), "utf-8")
    (tmp_path / "wanted.csv").write_text("id,plate\nA1,12가3456\n", "utf-8")
    (tmp_path / "bad.csv").write_text("id,plate\nA1,--\n", "utf-8")
    key = f"[keys.gate]\nhash = '{hash_of('k')}'\nmay = ['reads']\ncamera = []\n"
    (tmp_path / "keys.toml").write_text(key, "utf-8")
    done = run("config", "check", str(config))
    assert (done.returncode, message in done.stderr) == (2, True), done.stderr
    assert "is good" not in done.stdout


def test_a_variable_that_overrides_nothing_is_told(config: Path) -> None:
    environment = {
        "PLATEWATCH_HTPT__PORT": "1",
        "PLATEWATCH_KERNEL": "serial",
        "HTPT": "1",
        "PLATEWATCH_HTTP__PORT": "1",
    }
    assert list(strange_variables(environment)) == [("PLATEWATCH_HTPT__PORT", "PLATEWATCH_HTTP__PORT")]
    done = run("config", "check", str(config), environment={"PLATEWATCH_HTPT__PORT": "1"})
    assert "PLATEWATCH_HTPT__PORT is no setting: PLATEWATCH_HTTP__PORT?" in done.stderr
    assert done.returncode == 0


def test_a_new_secret_signs(config: Path) -> None:
    secrets = {run("secret", "new").stdout.strip() for _ in range(2)}
    assert len(secrets) == 2
    Signer(tuple(secrets))
    token = run("secret", "new", "--token").stdout.strip()
    assert len(token) >= 43
    load(config, {"PLATEWATCH_FEEDS": f"{{a = {{kind = 'push', token = '{token}'}}}}"})


# ---------------------------------------------------------------------- backups


def test_a_backup_of_a_running_service_comes_back(tmp_path: Path, wass: WassSimulator) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    backup = tmp_path / "backup.tar"
    with running(prepare(here, wass=wass.url, secret=SECRET, more=PUSHED)) as service:
        entry = {"id": "B1", "plate": LATE, "category": "stolen"}
        assert push(service, {"version": 1, "upserts": [entry]})[0] == 200
        assert service.send(read(LATE))[1]["hits"] == 1
        service.wait_until_delivered()
        Position(here / "positions", "gate").save({"offset": 7})
        (here / "positions" / "gate.new").touch()  # as it is being written
        done = run("backup", "--config", str(here / "platewatch.toml"), str(backup), "--reason", "as each night")
        assert (done.returncode, done.stderr) == (0, "")
        *_, (_, line) = lines(here / "access")
        assert (line.action, line.reason, line.count, len(line.subjects)) == ("backup", "as each night", 1, 1)
        assert service.send(read("12가3456"))[1]["hits"] == 1, "it goes on"
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    with tarfile.open(backup) as archive:
        names = archive.getnames()
        manifest = archive.extractfile("manifest.json")
        assert manifest is not None
        assert json.load(manifest)["files"] == names[1:]
    assert {"outbox.db", "feeds.db", "platewatch.toml"} <= set(names)
    assert run("backup", "--config", str(here / "platewatch.toml"), str(backup)).returncode == 2, "none is overwritten"

    config = prepare(there, wass=wass.url, secret=SECRET, more=PUSHED)
    done = run("restore", "--config", str(config), str(backup))
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.action for _, line in lines(there / "access")][-2:] == ["backup", "restore"]
    assert [path.name for path in (there / "positions").iterdir()] == ["gate.json"]
    assert Position(there / "positions", "gate").load() == {"offset": 7}
    with running(config) as service:
        assert (feed(service, "seoul")["version"], feed(service, "seoul")["entries"]) == (1, 1)
        assert service.get("/v1/status")[1]["outbox"]["delivered"] == 1
        assert push(service, {"version": 2, "removals": ["B1"]})[0] == 200
    done = run("restore", "--config", str(config), str(backup))
    assert (done.returncode, "is there, and not empty" in done.stderr) == (2, True), done.stderr


def test_a_backup_is_not_put_back_over_a_running_service(tmp_path: Path, config: Path) -> None:
    backup = tmp_path / "backup.tar"
    with running(config) as service:
        assert run("backup", "--config", str(config), str(backup)).returncode == 0
        done = run("restore", "--config", str(config), str(backup))
        assert (done.returncode, "outbox.db is there" in done.stderr) == (2, True)
        assert service.send(read("12가3456"))[1]["hits"] == 1


def test_what_is_no_backup_is_told(tmp_path: Path, config: Path) -> None:
    done = run("backup", "--config", str(config), str(tmp_path / "backup.tar"))
    assert (done.returncode, "there is no outbox" in done.stderr) == (2, True)
    no_tar = tmp_path / "no.tar"
    no_tar.write_bytes(b"no archive" * 1000)
    other = tmp_path / "other.tar"
    with tarfile.open(other, "w") as archive:
        archive.add(no_tar, "../../escaped")
    for file in (no_tar, other):
        done = run("restore", "--config", str(config), str(file))
        assert (done.returncode, "is no backup of platewatch" in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "outbox.db").exists()


def test_a_backup_that_would_write_elsewhere_is_refused(tmp_path: Path, config: Path) -> None:
    with running(config):
        pass
    assert run("backup", "--config", str(config), str(tmp_path / "good.tar")).returncode == 0
    evil = tmp_path / "evil.tar"
    with tarfile.open(tmp_path / "good.tar") as good, tarfile.open(evil, "w") as archive:
        for member in good.getmembers():
            archive.addfile(member, good.extractfile(member))
        archive.add(config, "../../escaped.toml")
    (tmp_path / "outbox.db").rename(tmp_path / "elsewhere.db")
    done = run("restore", "--config", str(config), str(evil))
    assert (done.returncode, "is no backup of platewatch" in done.stderr) == (2, True), done.stderr
    assert not (tmp_path.parent / "escaped.toml").exists()


def test_a_suggestion_is_made_for_any_file_of_settings(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text("policy.notfy = 0.5\n", "utf-8")
    with pytest.raises(pw.ConfigError, match="unknown field `notfy`: did you mean `notify`"):
        load(path, {})
