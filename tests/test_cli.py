from __future__ import annotations

import csv
import io
import json
import os
import sqlite3
import subprocess
import sys
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

import platewatch as pw

WANTED = "id,plate,category\nA1,12가3456,stolen\nA2,서울52바3108,\nBAD,12[가-나]3456,\nP1,7?다*9,\n"
READS = (
    '{"text": "12 거 3456", "camera_id": "G1", "time": "2026-11-23T09:00:00Z"}\n{"text": 5}\n\n--\n'
    "52바3108\n99허9999\n78다55509\n7다9\n"
)


def run(*arguments: str, given: bytes = b"", status: int = 0) -> tuple[str, str]:
    """(standard output, standard error) of `platewatch ...`."""
    done = subprocess.run(
        [sys.executable, "-m", "platewatch", *arguments], input=given, capture_output=True, check=False, timeout=60
    )
    assert done.returncode == status, done.stderr.decode()
    return done.stdout.decode(), done.stderr.decode()


@pytest.fixture
def wanted(tmp_path: Path) -> str:
    path = tmp_path / "wanted.csv"
    path.write_text(WANTED, "utf-8")
    return str(path)


def test_match_text_marks_what_differs(wanted: str) -> None:
    out, err = run("match", "--hotlist", wanted, given=READS.encode())
    assert out.splitlines() == [
        "row 1: fuzzy (1 edit)  A1  stolen  G1  2026-11-23T09:00:00+00:00",
        "    read    12거3456",
        "    wanted  12가3456",
        "              ^",
        "row 5: exact  A2",
        "    read    · · 52바3108",  # Hangul is two cells wide
        "    wanted  서울52바3108",
        "            ^ ^",
        "row 7: pattern  P1",
        "    read    78다55509",
        "    wanted  7?다*   9",
        "row 8: pattern (1 edit)  P1",
        "    read    7다· ·9",
        "    wanted  7? 다*9",
        "               ^",
    ]
    assert "wanted.csv: row 4, plate: ranges are not supported" in err
    assert "row 2, text: Expected `str`, got `int`\nrow 4, text: no letter or digit\n" in err
    assert "5 reads, 4 hits," in err
    assert "reads/s; 2 bad rows" in err


def test_match_jsonl_and_csv_say_the_same(wanted: str, tmp_path: Path) -> None:
    reads = tmp_path / "reads.jsonl"
    reads.write_text(READS, "utf-8")
    lines = run("match", "--hotlist", wanted, str(reads), "--format", "jsonl")[0].splitlines()
    hits = [json.loads(line) for line in lines]
    assert [(hit["row"], hit["grade"], hit["edits"], hit["entry_id"]) for hit in hits] == [
        (1, "fuzzy", 1, "A1"),
        (5, "exact", 0, "A2"),
        (7, "pattern", 0, "P1"),
        (8, "pattern", 1, "P1"),
    ]
    assert hits[0]["differences"] == [
        {"op": "substitute", "read_position": 2, "wanted_position": 2, "read": "거", "wanted": "가"}
    ]
    table = list(csv.DictReader(io.StringIO(run("match", "--hotlist", wanted, str(reads), "--format", "csv")[0])))
    assert [(row["row"], row["read"], row["plate"]) for row in table] == [
        ("1", "12거3456", "12가3456"),
        ("5", "52바3108", "서울52바3108"),
        ("7", "78다55509", "7?다*9"),
        ("8", "7다9", "7?다*9"),
    ]


def test_match_takes_no_json_for_a_plate_and_no_mark_for_text(wanted: str) -> None:
    given = b'\xef\xbb\xbf{"text": "12\xea\xb0\x803456"}\n[{"text": "1"}]\n"12\xea\xb0\x803456"\n'
    out, err = run("match", "--hotlist", wanted, given=given)
    assert out.startswith("row 1: exact  A1")
    assert "row 2: Expected `object`, got `array`\nrow 3: Expected `object`, got `str`\n" in err


def test_match_shows_a_hit_before_the_next_read_comes(wanted: str) -> None:
    arguments = [sys.executable, "-m", "platewatch", "match", "--hotlist", wanted]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("12가3456\n".encode())
        process.stdin.flush()
        assert process.stdout.readline().startswith(b"row 1: exact  A1")
        process.communicate()


def test_a_reader_that_has_seen_enough_and_a_terminal_without_unicode(wanted: str, tmp_path: Path) -> None:
    reads = tmp_path / "reads.txt"
    reads.write_text("12가3456\n" * 20_000, "utf-8")
    line = f"{sys.executable} -m platewatch match --hotlist {wanted} {reads} | head -1"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(line, shell=True, capture_output=True, env=environment, check=True, timeout=60)
    assert done.stdout == b"row 1: exact  A1  stolen\n"
    assert b"pipe" not in done.stderr.lower()
    assert b"Traceback" not in done.stderr


def test_outbox_leaves_other_files_alone(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.db"
    with closing(sqlite3.connect(foreign)) as connection:
        connection.execute("CREATE TABLE t (x)")
    before = foreign.read_bytes()
    for command in ("list", "export", "retry"):
        assert "the file is not an outbox" in run("outbox", command, str(foreign), status=2)[1]
    assert foreign.read_bytes() == before


def test_match_max_edits_and_strict(wanted: str) -> None:
    assert run("match", "--hotlist", wanted, "--max-edits", "0", given="12거3456\n".encode())[0] == ""
    _, err = run("match", "--hotlist", wanted, "--strict", given=b"", status=2)
    assert "wanted.csv: row 4, plate: ranges are not supported" in err
    assert "bytes.txt" in run("match", "--hotlist", wanted, "bytes.txt", status=2)[1]
    assert "row 1, text: not valid UTF-8\n" in run("match", "--hotlist", wanted, given=b"\xff\n", status=2)[1]


def test_hotlist_check(wanted: str) -> None:
    out, err = run("hotlist", "check", wanted, status=1)
    words = [line.rsplit(maxsplit=1) for line in out.splitlines()]
    assert {name.strip(): count for name, count in words} == {
        "rows": "4",
        "entries": "3",
        "private": "1",
        "commercial": "1",
        "pattern": "1",
        "duplicates (the last won)": "0",
        "patterns": "1",
        "errors": "1",
    }
    assert "row 4, plate" in err


def test_hotlist_check_of_nothing(tmp_path: Path) -> None:
    empty = tmp_path / "empty.csv"
    empty.write_text("id,plate\n", "utf-8")
    assert "no usable entry" in run("hotlist", "check", str(empty), status=1)[1]


def test_every_command_has_help_and_the_version_is_told() -> None:
    assert run("--version")[0].strip() == pw.__version__
    for command in (
        "match",
        "serve",
        "demo",
        "wass-simulator",
        "hotlist check",
        "outbox list",
        "outbox retry",
        "outbox export",
    ):
        out, _ = run(*command.split(), "--help")
        assert "Usage" in out


def test_importing_the_package_loads_no_command_line_or_service() -> None:
    code = "import platewatch, sys; print([m for m in ('typer', 'rich', 'aiohttp', 'uvicorn') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"[]\n"


def test_wass_simulator_prints_where_it_listens() -> None:
    arguments = [sys.executable, "-u", "-m", "platewatch", "wass-simulator", "--port", "0"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().decode().split()[-1]
            assert process.stdout.readline().split()[-1].startswith(b"whsec_")
            with urllib.request.urlopen(url, timeout=10) as response:
                assert json.load(response)["received"] == 0
        finally:
            process.terminate()


def test_demo_delivers_misread_plates_twice_over() -> None:
    for _ in range(2):
        out, _ = run("demo", "--rate", "1000")
        assert "450 reads matched" in out
        hits = int(out.split(" hits: ")[0].split()[-1])
        assert f"{hits} notifications delivered, signatures verified; 0 failed." in out
        misread = int(out.split(" misread.")[0].split()[-1])
        assert misread > 10
        assert "wanted  " in out
        assert "p50" in out
