"""What agencies are told of their lists."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from platewatch.cli import app
from platewatch.errors import PlatewatchError
from platewatch.matching.values import KOREAN_TIME
from platewatch.notify.simulator import WassSimulator
from platewatch.probability.population import Population
from platewatch.service.list_quality import ListedEntry, of_list
from platewatch.service.report import of_year
from tests.feeds.test_service import replace, wait_for
from tests.service import running
from tests.test_labels import hit
from tests.test_outcomes import answer

WANTED = """id,plate,category,agency
A1,12가3456,stolen,광주경찰
A2,34나5678,stolen,광주경찰
A3,34나567,stolen,광주경찰
A4,99?가34*,stolen,광주경찰
B1,서울52바3108,stolen,서울경찰
"""
PUSH = '\n[feeds.seoul]\nkind = "push"\ntoken = "0123456789abcdef"\nagency = "서울경찰"\n'


def run(*arguments: object) -> str:
    done = CliRunner().invoke(app, ["report", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done.output


def test_agencies_hear_of_entries_that_never_match_and_of_what_is_no_plate(
    config: Path, wass: WassSimulator, tmp_path: Path
) -> None:
    (tmp_path / "wanted.csv").write_text(WANTED, "utf-8")
    config.write_text(config.read_text("utf-8") + PUSH, "utf-8")
    outbox, store = tmp_path / "outbox.db", tmp_path / "feeds.db"
    with running(config) as service:
        pushed = json.dumps({"version": 1, "upserts": [{"id": "A1", "plate": "77너7777"}], "removals": []}).encode()
        headers = {"Authorization": "Bearer 0123456789abcdef"}
        assert service.post("/v1/feeds/seoul/deltas", pushed, **headers)[0] == 200
        quality = of_list(outbox, store, Population.default())
        assert (quality.since, [len(one.never_hit) for one in quality.agencies]) == (None, [4, 2])
        for minutes in (0, 60):
            hitid = hit(service, wass, "12가3456", minutes)
            assert answer(service, hitid, outcome="right_read_wrong_vehicle")[0] == 200
        quality = of_list(outbox, store, Population.default())
        gwangju, seoul = quality.agencies
        assert (gwangju.agency, gwangju.entries, seoul.agency, seoul.entries) == ("광주경찰", 4, "서울경찰", 2)
        assert [entry.entry_id for entry in gwangju.never_hit] == ["A2", "A3", "A4"]
        assert gwangju.no_plate == [ListedEntry(feed="hotlist", entry_id="A3")]
        assert seoul.never_hit == [  # the other feed's A1 is another entry
            ListedEntry(feed="hotlist", entry_id="B1"),
            ListedEntry(feed="seoul", entry_id="A1"),
        ]
        assert quality.since is not None
        text = run(outbox, "--list", store, "--agency", "광주경찰")
        assert "entry A1 of 광주경찰: 2 wrong hits" in text
        assert "list of 광주경찰: 4 entries" in text
        assert f"without a hit since {datetime.now(UTC):%Y-%m-%d}: 3 (A2, A3, A4)" in text
        assert "of no class of plate (Korea's): 1 (A3)" in text
        assert "서울" not in text
        of_seoul: dict[str, Any] = json.loads(run(outbox, "--list", store, "--agency", "서울경찰", "--json"))
        assert (of_seoul["lines"], of_seoul["doubtful_entries"], of_seoul["months"]) == ([], [], [0] * 12)
        assert [one["agency"] for one in of_seoul["list"]["agencies"]] == ["서울경찰"]
        assert "12가3456" not in run(outbox, "--list", store, "--json")
        assert "list" not in json.loads(run(outbox, "--json"))

        # Of what has left the list nothing is known any more, also if it comes back.
        replace(tmp_path / "wanted.csv", WANTED.replace("A1,12가3456,stolen,광주경찰\n", ""))
        wait_for(lambda: service.get("/v1/status")[1]["entries"] == 5)

        def tallies() -> list[Any]:
            with closing(sqlite3.connect(outbox)) as connection:
                return connection.execute("SELECT * FROM entry_tallies").fetchall()

        wait_for(lambda: not tallies())
    year = datetime.now(KOREAN_TIME).year
    assert sum(of_year(outbox, year, KOREAN_TIME, "광주경찰").months) == 2
    assert of_year(outbox, year, KOREAN_TIME, "서울경찰").seconds_to_seen is None
    assert of_year(outbox, year, KOREAN_TIME, "광주경찰").seconds_to_seen is not None


def test_what_is_no_store_is_refused(tmp_path: Path, config: Path) -> None:
    with running(config):
        pass
    (tmp_path / "no.db").write_text("no store")
    with pytest.raises(PlatewatchError, match="the list cannot be read"):
        of_list(tmp_path / "outbox.db", tmp_path / "no.db", Population.default())
    assert CliRunner().invoke(app, ["report", str(tmp_path / "outbox.db"), "--list", str(tmp_path / "no.db")]).exit_code
