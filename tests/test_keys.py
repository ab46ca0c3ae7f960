"""API keys: what each may do, until when, from where, and that one can be taken away."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from platewatch.cli import app
from platewatch.errors import ConfigError
from platewatch.matching.values import KOREAN_TIME
from platewatch.service import keys as keys_module
from platewatch.service.keys import Action, Keys, hash_of, new_key

NOON = datetime(2026, 11, 28, 12, tzinfo=KOREAN_TIME).timestamp()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.toml"


def entry(name: str, key: str, more: str = "") -> str:
    return f'[keys."{name}"]\nhash = "{hash_of(key)}"\nmay = ["reads", "status"]\n{more}\n'


def test_a_key_says_who_asks_and_what_it_may(path: Path) -> None:
    path.write_text(entry("gate", "k1", 'cameras = ["GJ-*", "X?"]') + entry("room", "k2"))
    keys = Keys(path)
    gate, room = keys.principal("k1", "10.0.0.1"), keys.principal("k2", "10.0.0.1")
    assert gate is not None
    assert room is not None
    assert (gate.name, sorted(gate.may), room.name) == ("gate", [Action.reads, Action.status], "room")
    assert [gate.may_send(camera) for camera in ("GJ-1", "X1", "X12", "gj-1", None)] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert room.may_send(None)
    assert keys.principal("k3", "10.0.0.1") is None
    assert keys.principal(hash_of("k1"), "10.0.0.1") is None, "what is stored opens nothing"


@pytest.mark.parametrize(
    ("address", "is_let_in"),
    [("10.1.2.3", True), ("::ffff:10.1.2.3", True), ("192.168.1.1", False), ("fd00::7", True), ("", False)],
)
def test_a_key_is_of_use_only_where_it_may_come_from(path: Path, address: str, is_let_in: bool) -> None:
    path.write_text(entry("gate", "k1", 'addresses = ["10.0.0.0/8", "fd00::/16"]'))
    assert (Keys(path).principal("k1", address) is not None) is is_let_in


def test_a_key_ends_with_its_last_day(path: Path) -> None:
    path.write_text(entry("gate", "k1", "expires = 2026-11-28"))
    assert Keys(path, clock=lambda: NOON).principal("k1", "") is not None
    assert Keys(path, clock=lambda: NOON + 12 * 3600 + 1).principal("k1", "") is None


def test_a_key_that_is_taken_away_is_refused_without_a_restart(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(keys_module, "_LOOK_INTERVAL", 0.0)
    path.write_text(entry("gate", "k1") + entry("room", "k2"))
    keys = Keys(path)
    path.write_text(entry("room", "k2"))
    assert keys.principal("k1", "") is None
    assert keys.principal("k2", "") is not None
    path.write_text("not TOML")
    os.utime(path, ns=(1, 1))
    assert keys.principal("k2", "") is not None, "a mistake in the file locks nobody out"
    assert "keys not read again, the old ones hold" in caplog.text


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('[keys.a]\nhash = "pwk_plain"\nmay = ["reads"]', "keys.a.hash"),
        (entry("a", "k", "may = []").replace('may = ["reads", "status"]\n', ""), "keys.a.may"),
        (entry("a", "k").replace("status", "everything"), "keys.a.may[1]"),
        (entry("a", "k", 'addresses = ["10.0.0.1/8"]'), "keys.a.addresses"),
        (entry("a", "k") + entry("b", "k"), "keys.b.hash"),
        (entry("a", "k", "camera = []"), "keys.a"),
        (entry("a", "k", "requests_a_second = 0"), "keys.a.requests_a_second"),
        (entry("a", "k", 'agencies = ["X"]').replace('"status"', '"admin"'), "keys.a.agencies"),
    ],
)
def test_a_file_of_no_use_says_why(path: Path, text: str, field: str) -> None:
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        Keys(path)
    assert caught.value.field == field
    with pytest.raises(ConfigError, match="No such file"):
        Keys(path.with_name("missing"))


def test_the_command_makes_a_key_that_works(path: Path) -> None:
    options = (
        "--may reads --may answers --camera GJ-* --address ::1 --source http --source gate --feed seoul"
        " --agency 광주경찰 --requests-a-second 2.5"
    )
    run = CliRunner().invoke(app, ["key", "new", 'a "gate" 문', *options.split()])
    assert run.exit_code == 0
    path.write_text(run.stdout, "utf-8")
    key = run.stderr.split()[-1]
    assert key not in run.stdout
    found = Keys(path).principal(key, "::1")
    assert found is not None
    assert (found.name, sorted(found.may), found.cameras) == ('a "gate" 문', ["answers", "reads"], ("GJ-*",))
    assert (found.sources, found.feeds, found.agencies) == (("http", "gate"), ("seoul",), ("광주경찰",))
    assert found.requests_a_second == 2.5


def test_no_two_keys_are_alike() -> None:
    made = {new_key()[0] for _ in range(1000)}
    assert len(made) == 1000
    assert min(map(len, made)) >= 47
