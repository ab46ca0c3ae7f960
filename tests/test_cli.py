from __future__ import annotations

import csv
import io
import json
import math
import os
import re
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from contextlib import closing
from importlib import resources
from pathlib import Path

import msgspec
import pytest

import platewatch as pw
from platewatch.cli.common import percent
from platewatch.cli.explain import _factor
from platewatch.notify import Signer
from platewatch.notify.event import encode
from tests.notify.support import hit_event
from tests.patience import PATIENCE

WANTED = "id,plate,category\nA1,12가3456,stolen\nA2,서울52바3108,\nP1,7?다*9,\n"
FLAWED = WANTED + "BAD,12[가-나]3456,\n"
MISREAD = "12가34567"  # no plate, so probably the wanted one
NEIGHBOUR = "12나3456"  # a plate, so probably itself
READS = (
    f'{{"text": "12 가 34567", "camera_id": "G1", "time": "2026-11-23T09:00:00Z"}}\n{{"text": 5}}\n\n--\n'
    f"52바3108\n99허9999\n78다5559\n{NEIGHBOUR}\n"
)


def probability(text: str, entry_id: str, model: pw.ChannelModel | None = None) -> float:
    """Of a match with WANTED."""
    rows = (line.split(",") for line in WANTED.splitlines()[1:])
    hotlist = pw.Hotlist.from_records({"id": row[0], "plate": row[1]} for row in rows)
    matches = pw.Matcher(hotlist, max_edits=2, model=model).match(text)
    return next(match.probability for match in matches if match.entry_id == entry_id)


def run(*arguments: str, given: bytes = b"", status: int = 0) -> tuple[str, str]:
    """(standard output, standard error) of `platewatch ...`."""
    done = subprocess.run(
        [sys.executable, "-m", "platewatch", *arguments], input=given, capture_output=True, check=False
    )
    assert done.returncode == status, done.stderr.decode()
    return done.stdout.decode(), done.stderr.decode()


@pytest.fixture
def wanted(tmp_path: Path) -> str:
    path = tmp_path / "wanted.csv"
    path.write_text(WANTED, "utf-8")
    return str(path)


@pytest.fixture
def flawed(tmp_path: Path) -> str:
    path = tmp_path / "flawed.csv"
    path.write_text(FLAWED, "utf-8")
    return str(path)


def test_match_text_marks_what_differs(flawed: str) -> None:
    assert (
        "flawed.csv: 1 of 4 rows are bad, 25 % where at most 1 % may be"
        in run("match", "--hotlist", flawed, given=READS.encode(), status=2)[1]
    )
    out, err = run("match", "--hotlist", flawed, "--no-strict", given=READS.encode())
    assert out.splitlines() == [
        f"row 1: notify ({percent(probability(MISREAD, 'A1'))}, 1 edit)  A1  stolen  G1  2026-11-23T09:00:00+00:00",
        "    read    12가34567",
        "    wanted  12가3456·",
        "                    ^",
        f"row 5: notify ({percent(probability('52바3108', 'A2'))}, exact)  A2",
        "    read    · · 52바3108",  # Hangul is two cells wide
        "    wanted  서울52바3108",
        "            ^ ^",
        f"row 7: check ({percent(probability('78다5559', 'P1'))}, fits)  P1",
        "    read    78다5559",
        "    wanted  7?다*  9",
    ]
    assert "flawed.csv: row 5, plate: ranges are not supported" in err
    assert "row 2, text: Expected `str`, got `int`\nrow 4, text: no letter or digit\n" in err
    assert "5 reads, 3 hits (2 notify, 1 check)," in err
    assert "reads/s; 2 bad rows" in err


def test_match_all_shows_what_is_no_hit_too(wanted: str) -> None:
    out, err = run("match", "--hotlist", wanted, "--all", given=READS.encode())
    assert f"row 8: no hit ({percent(probability(NEIGHBOUR, 'A1'))}, 1 edit)  A1  stolen" in out
    assert "5 reads, 3 hits (2 notify, 1 check), 5 matches," in err


def test_match_jsonl_and_csv_say_the_same(wanted: str, tmp_path: Path) -> None:
    reads = tmp_path / "reads.jsonl"
    reads.write_text(READS, "utf-8")
    lines = run("match", "--hotlist", wanted, str(reads), "--format", "jsonl", "--all")[0].splitlines()
    hits = [json.loads(line) for line in lines]
    expected: list[tuple[object, ...]] = [
        (1, "notify", pytest.approx(probability(MISREAD, "A1"), rel=1e-5), 1, "A1"),
        (5, "notify", pytest.approx(probability("52바3108", "A2"), rel=1e-5), 0, "A2"),
        (6, None, pytest.approx(probability("99허9999", "P1"), rel=1e-5), 2, "P1"),
        (7, "check", pytest.approx(probability("78다5559", "P1"), rel=1e-5), 0, "P1"),
        (8, None, pytest.approx(probability(NEIGHBOUR, "A1"), rel=1e-5), 1, "A1"),
    ]
    assert [(hit["row"], hit["grade"], hit["probability"], hit["edits"], hit["entry_id"]) for hit in hits] == expected
    assert hits[0]["differences"] == [
        {"op": "insert", "read_position": 7, "wanted_position": 7, "read": "7", "wanted": ""}
    ]
    table = list(
        csv.DictReader(io.StringIO(run("match", "--hotlist", wanted, str(reads), "--format", "csv", "--all")[0]))
    )
    assert [
        (int(row["row"]), row["grade"] or None, float(row["probability"]), int(row["edits"]), row["entry_id"])
        for row in table
    ] == expected
    assert [(row["read"], row["plate"]) for row in table][:2] == [
        ("12가34567", "12가3456"),
        ("52바3108", "서울52바3108"),
    ]


def test_match_by_another_policy(wanted: str, tmp_path: Path) -> None:
    def grades(*options: str) -> list[str]:
        out, _ = run("match", "--hotlist", wanted, "--format", "csv", *options, given=READS.encode())
        return [f"{row['row']} {row['grade']}" for row in csv.DictReader(io.StringIO(out))]

    policy = tmp_path / "policy.toml"
    policy.write_text("[policy]\nnotify = 0.4\n[policy.categories.stolen]\nnotify = 1\ncheck = 0.0001\n", "utf-8")
    assert grades() == ["1 notify", "5 notify", "7 check"]
    assert grades("--check", "0.0001") == ["1 notify", "5 notify", "7 check", "8 check"]
    assert grades("--notify", "1") == ["1 check", "5 check", "7 check"]
    assert grades("--policy", str(policy)) == ["1 check", "5 notify", "7 check", "8 check"]
    assert grades("--policy", str(policy), "--notify", "1") == ["1 check", "5 check", "7 check", "8 check"]


def test_match_says_what_is_wrong_with_a_policy_or_a_model(wanted: str) -> None:
    _, err = run("match", "--hotlist", wanted, "--check", "0.6", status=2)
    assert err == "policy.check: is not above 0 and at most notify, which is 0.5\n"
    assert "is not TOML" in run("match", "--hotlist", wanted, "--policy", wanted, status=2)[1]
    assert (
        f"{wanted}: is not a platewatch channel model"
        in run("match", "--hotlist", wanted, "--model", wanted, status=2)[1]
    )


def test_match_and_explain_weigh_by_the_model_given(wanted: str, tmp_path: Path) -> None:
    model = tmp_path / "model.json"
    # A recogniser that is never wrong explains no misread.
    pw.ChannelModel.default().scaled(1e-6).save(model)
    out, _ = run("match", "--hotlist", wanted, "--model", str(model), "--all", given=MISREAD.encode())
    assert out.startswith("row 1: no hit")
    told = json.loads(run("explain", MISREAD, "12가3456", "--model", str(model), "--json")[0])
    assert told["probability"] < 0.1 < probability(MISREAD, "A1")


def test_the_error_rate_of_the_cameras_scales_the_model(wanted: str) -> None:
    scaled = pw.ChannelModel.default().scaled(0.02)
    told = json.loads(run("explain", NEIGHBOUR, "12가3456", "--error-rate", "0.02", "--json")[0])
    assert told["probability"] == scaled.explain(NEIGHBOUR, "12가3456").probability
    out, _ = run("match", "--hotlist", wanted, "--error-rate", "0.02", "--all", given=NEIGHBOUR.encode())
    assert f"({percent(probability(NEIGHBOUR, 'A1', scaled))}, 1 edit)  A1" in out
    _, err = run("match", "--hotlist", wanted, "--error-rate", "2", given=b"1", status=2)
    assert err == "error_rate: is not above 0 and below 1\n"


def test_match_takes_no_json_for_a_plate_and_no_mark_for_text(wanted: str) -> None:
    given = b'\xef\xbb\xbf{"text": "12\xea\xb0\x803456"}\n[{"text": "1"}]\n"12\xea\xb0\x803456"\n'
    out, err = run("match", "--hotlist", wanted, given=given)
    assert out.startswith("row 1: notify (")
    assert "row 2: Expected `object`, got `array`\nrow 3: Expected `object`, got `str`\n" in err


def test_match_says_how_many_chars_it_ignored(wanted: str) -> None:
    def line(chars: str) -> str:
        return json.dumps({"text": "12가3456", "chars": [{"c": c, "p": 0.9} for c in chars]})

    good, other, short = line("12가3456"), line("21가3456"), line("12가345")
    _, err = run("match", "--hotlist", wanted, given=f"{good}\n{other}\n{short}\n--\n".encode())
    assert err.endswith("reads/s; 1 bad row; chars of 2 reads ignored: they do not line up with the text\n")
    assert "ignored" not in run("match", "--hotlist", wanted, given=good.encode())[1]


def test_match_shows_a_hit_before_the_next_read_comes(wanted: str) -> None:
    arguments = [sys.executable, "-m", "platewatch", "match", "--hotlist", wanted]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("12가3456\n".encode())
        process.stdin.flush()
        assert process.stdout.readline().startswith(b"row 1: notify (")
        process.communicate()


def test_a_reader_that_has_seen_enough_and_a_terminal_without_unicode(wanted: str, tmp_path: Path) -> None:
    reads = tmp_path / "reads.txt"
    reads.write_text("12가3456\n" * 20_000, "utf-8")
    line = f"{sys.executable} -m platewatch match --hotlist {wanted} {reads} | head -1"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(line, shell=True, capture_output=True, env=environment, check=True)
    assert done.stdout == f"row 1: notify ({percent(probability('12가3456', 'A1'))}, exact)  A1  stolen\n".encode()
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


def test_match_max_edits_and_strict(wanted: str, flawed: str) -> None:
    assert run("match", "--hotlist", wanted, "--max-edits", "0", "--all", given=NEIGHBOUR.encode())[0] == ""
    _, err = run("match", "--hotlist", flawed, "--strict", given=b"", status=2)
    assert "flawed.csv: 1 of 4 rows are bad, 25 % where at most 0 % may be; the first: row 5, plate" in err
    assert "bytes.txt" in run("match", "--hotlist", wanted, "bytes.txt", status=2)[1]
    assert "row 1, text: not valid UTF-8\n" in run("match", "--hotlist", wanted, given=b"\xff\n", status=2)[1]


def test_hotlist_check(flawed: str) -> None:
    out, err = run("hotlist", "check", flawed, status=1)
    words = [line.rsplit(maxsplit=1) for line in out.splitlines()]
    assert {name.strip(): count for name, count in words} == {
        "encoding": "utf-8",
        "rows": "4",
        "entries": "3",
        "private": "1",
        "commercial": "1",
        "pattern": "1",
        "duplicates (the last won)": "0",
        "ids of different plates": "0",
        "patterns": "1",
        "errors": "1",
    }
    assert "row 5, plate" in err
    assert "the list would be refused: 1 of 4 rows are bad" in err


def test_hotlist_check_of_nothing(tmp_path: Path) -> None:
    empty = tmp_path / "empty.csv"
    empty.write_text("id,plate\n", "utf-8")
    assert "no usable entry" in run("hotlist", "check", str(empty), status=1)[1]


def test_every_command_has_help_and_the_version_is_told() -> None:
    assert run("--version")[0].strip() == pw.__version__
    for command in (
        "match",
        "explain",
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


def test_the_command_line_needs_nothing_of_the_service() -> None:
    code = (
        "import sys\n"
        "for module in ('aiohttp', 'httptools', 'structlog', 'uvicorn', 'uvloop'): sys.modules[module] = None\n"
        "import platewatch.cli"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def without(modules: Sequence[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `platewatch` where these modules are not installed."""
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({list(modules)!r})); sys.argv = {['platewatch', *arguments]!r}\n"
        "from platewatch.__main__ import main; main()"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


EXTRAS = {"cli": ("rich", "typer"), "serve": ("aiohttp", "httptools", "structlog", "uvicorn", "uvloop")}


@pytest.mark.parametrize("missing", [(), EXTRAS["serve"], EXTRAS["cli"] + EXTRAS["serve"]])
def test_every_install_tells_its_version(missing: tuple[str, ...]) -> None:
    done = without(missing, "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{pw.__version__}\n", "")


@pytest.mark.parametrize(
    ("extra", "arguments"),
    [
        ("cli", []),
        ("cli", ["--help"]),
        ("cli", ["match", "--version"]),
        ("cli", ["serve"]),
        ("serve", ["demo"]),
        ("serve", ["wass-simulator"]),
    ],
)
def test_what_an_install_lacks_is_said_with_the_extra_that_brings_it(extra: str, arguments: list[str]) -> None:
    done = without(EXTRAS[extra], *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.match(rf"this command needs \w+: pip install 'platewatch\[{extra}\]'", done.stderr)
    assert done.stderr.count("\n") == 1
    assert "platewatch[serve]" in done.stderr, "has all of the other"


def test_explain_tells_each_step_and_the_odds() -> None:
    explanation = pw.ChannelModel.default().explain(MISREAD, "12가3456")
    lines = run("explain", MISREAD, "12 가 3456")[0].splitlines()
    assert lines[:3] == [
        f"read        {MISREAD}",
        "plate       12가3456 (private)",
        "recogniser  not given: the rates are those of all together",
    ]
    assert lines[3].split()[:2] == ["frame", "quality"]
    for line, frame in zip(lines[4:8], explanation.frames, strict=True):
        assert line.split()[:2] == [frame.quality, f"{frame.probability:.2f}"]
        assert percent(frame.share) in line
        assert percent(frame.error_rate) in line
    first = next(i for i, line in enumerate(lines) if "the frame is" in line)
    assert lines[first].split()[:4] == ["the", "frame", "is", explanation.frame]
    assert lines[first].endswith(f"{explanation.log_frame:.2f}")
    steps = [line.split() for line in lines[first + 1 : first + 9]]
    assert [step[:2] for step in steps] == [[c, c] for c in "12가3456"] + [["·", "7"]]
    assert [step[-1] for step in steps] == [f"{event.log_probability:.2f}" for event in explanation.events]
    assert " ".join(steps[2][2:4]) == "read right"
    assert " ".join(steps[-1][2:-2]) == "read, but not on the plate"
    total = explanation.log_frame + sum(event.log_probability for event in explanation.events)
    assert lines[first + 9].split()[0] == "together"
    assert lines[first + 9].endswith(f"{total:.2f}")
    (ours,) = (line for line in lines if line.startswith("this plate, in any frame"))
    (others,) = (line for line in lines if line.startswith("all other vehicles"))
    log_likelihood, log_others = float(ours.split()[-1]), float(others.split()[-1])
    assert log_likelihood == round(explanation.log_likelihood, 2)
    assert log_others == round(explanation.log_others, 2)
    odds = math.exp(log_likelihood - log_others)
    assert odds / (1 + odds) == pytest.approx(explanation.probability, abs=0.002)
    assert lines[-1].startswith(f"So {percent(explanation.probability)} of the reads like this one are of this plate: ")


def test_explain_takes_a_read_with_characters_and_an_engine() -> None:
    characters = [{"c": c, "p": 0.98, "alts": [[c, 0.98]]} for c in "12거3456"]
    characters[2] = {"c": "거", "p": 0.3, "alts": [["거", 0.3], ["가", 0.28]]}
    read = json.dumps({"text": "12거3456", "chars": characters, "engine": "tesseract-kor"})
    told = json.loads(run("explain", read, "12가3456", "--json")[0])
    explanation = pw.ChannelModel.default().explain(msgspec.json.decode(read, type=pw.Read), "12가3456")
    assert (told["read"], told["plate"], told["engine"]) == ("12거3456", "12가3456", "tesseract-kor")
    assert told["probability"] == explanation.probability
    assert told["log_likelihood"] == explanation.log_likelihood
    assert told["log_background"] == explanation.log_background
    assert told["log_others"] == explanation.log_others
    assert (told["frame"], told["noisy"]) == (explanation.frame, explanation.noisy)
    assert [event["kind"] for event in told["events"]] == [event.kind for event in explanation.events]
    assert told["events"][2]["kind"] == "wrong"
    assert "recogniser  tesseract-kor\n" in run("explain", read, "12가3456")[0]
    assert "may be above 1" in run("explain", read, "12가3456")[0]
    other = json.loads(run("explain", read, "12가3456", "--engine", "tesseract-hangul", "--json")[0])
    assert (other["engine"], other["probability"] != told["probability"]) == ("tesseract-hangul", True)


def test_explain_says_whose_rates_they_are(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    document = json.loads(resources.files("platewatch.probability").joinpath("models/channel.json").read_text("utf-8"))
    path.write_text(json.dumps(document | {"cameras": {"G1": {"engine": "tesseract-kor"}}}), "utf-8")

    def whose(**read: str) -> list[str]:
        lines = run("explain", json.dumps({"text": MISREAD, **read}), "12가3456", "--model", str(path))[0].splitlines()
        return [line for line in lines if line.startswith(("recogniser", "camera"))]

    own = "camera      G1: the rates are its own"
    assert whose(camera_id="G1") == ["recogniser  not given", own]
    assert whose(camera_id="G1", engine="new") == ["recogniser  new", own]
    assert whose(camera_id="G2", engine="new") == ["recogniser  new: the rates are those of all together"]
    assert whose(camera_id="G2", engine="tesseract-kor") == ["recogniser  tesseract-kor"]


def test_explain_says_what_it_cannot_explain() -> None:
    assert "is a pattern" in run("explain", "12가3456", "12?3456", status=2)[1]
    assert "wanted plate: no letter or digit" in run("explain", "12가3456", "..", status=2)[1]
    assert "text: no letter or digit" in run("explain", "..", "12가3456", status=2)[1]
    assert "not a JSON object" in run("explain", "{oops", "12가3456", status=2)[1]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "<0.01 %"),
        (0.00012, "0.01 %"),
        (0.0033, "0.33 %"),
        (0.0999, "9.99 %"),
        (0.1, "10.0 %"),
        (0.979, "97.9 %"),
        (0.9949, "99.49 %"),
        (0.99995, ">99.99 %"),
    ],
)
def test_percent(value: float, shown: str) -> None:
    assert percent(value) == shown


@pytest.mark.parametrize(
    ("log", "shown"),
    [(8.05, "3,100"), (2.31, "10"), (0.19, "1.2"), (-0.06, "0.94"), (-5.56, "0.0038"), (-8.89, "1/7,300"), (0.0, "1")],
)
def test_factors(log: float, shown: str) -> None:
    assert _factor(log) == shown


def test_wass_simulator_prints_where_it_listens_and_what_it_receives() -> None:
    arguments = [sys.executable, "-u", "-m", "platewatch", "wass-simulator", "--port", "0"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().decode().split()[-1]
            secret = process.stdout.readline().decode().split()[-1]
            with urllib.request.urlopen(url, timeout=PATIENCE) as response:
                assert json.load(response)["received"] == 0
            body = encode(hit_event())
            headers = Signer([secret]).headers(hit_event().id, int(time.time()), body)
            urllib.request.urlopen(urllib.request.Request(f"{url}", body, headers), timeout=PATIENCE)
            shown = [process.stdout.readline().decode().rstrip() for _ in range(5)]
            assert shown == [
                "",
                "  check 25.1 %  missing person  W-1  at Station square (GJ-0117)",
                "    read    12거3456",
                "    wanted  12가3456",
                "              ^",
            ]
        finally:
            process.terminate()


def test_demo_delivers_misread_plates_twice_over() -> None:
    for _ in range(2):
        out, _ = run("demo", "--rate", "1000")
        assert "450 reads matched" in out
        hits = int(out.split(" hits: ")[0].split()[-1])
        assert f"{hits} notifications delivered, signatures verified; 0 failed." in out
        told = out.replace("\n", " ").split(" hits: ")[1]
        notify, check, misread, right = map(int, re.findall(r"\d+", told)[:4])
        assert notify + check == hits
        assert 10 < misread < hits
        assert 0.9 * hits < right <= hits
        assert "wanted  " in out
        assert "p50" in out


def test_match_reads_csv_and_cp949(tmp_path: Path, wanted: str) -> None:
    reads = tmp_path / "reads.csv"
    reads.write_bytes(
        "차량번호,카메라번호,인식일시,신뢰도\n12 가 3456,G1,2026-11-23 09:00:00,높음\n99허9999,G2,,\n".encode("cp949")
    )
    out, err = run("match", "--hotlist", wanted, "--time-zone", "Asia/Seoul", "--format", "jsonl", str(reads))
    (hit,) = map(json.loads, out.splitlines())
    assert (hit["row"], hit["read"], hit["camera_id"], hit["time"]) == (
        2,
        "12가3456",
        "G1",
        "2026-11-23T09:00:00+09:00",
    )
    assert "2 reads, 1 hit (1 notify, 0 check)" in err
    assert "fields that were not usable: confidence 1" in err
    _, err = run("match", "--hotlist", wanted, given="12가3456\t0.9\n".encode(), status=2)
    assert "row 1, text: a plate with a tab in it; if this is CSV, its first line has to name the columns" in err
    assert "--time-zone: not a time zone" in run("match", "--hotlist", wanted, "--time-zone", "Mars", status=2)[1]


def test_a_list_with_columns_sheet_and_encoding_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes("Kfz;Grund\nMÜ1234;gestohlen\n".encode("latin-1"))
    options = ("--columns", "plate=Kfz", "--columns", "category=2", "--encoding", "latin-1")
    out, _ = run("match", "--hotlist", str(path), *options, "--max-edits", "0", "--all", given="MÜ 1234".encode())
    assert "MÜ1234  gestohlen" in out
    book = str(Path(__file__).parent / "corpus" / "lists" / "wanted.xlsx")
    assert "34나5678" in run("match", "--hotlist", book, "--sheet", "해제", given="34나5678".encode())[0]
    assert "columns.plate: no column is named 'x'" in run("hotlist", "check", book, "--columns", "plate=x", status=2)[1]
    assert (
        "--columns: 'plate' is not as plate=차량번호"
        in run("hotlist", "check", book, "--columns", "plate", status=2)[1]
    )


def test_hotlist_check_of_two_lists_in_one(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("no,plate\n1,12가3456\n2,34나5678\n1,56다7890\n", "utf-8")
    out, err = run("hotlist", "check", str(path), status=1)
    assert ["ids", "of", "different", "plates", "1"] in [line.split() for line in out.splitlines()]
    assert "id '1' stands in rows 2, 4 with different plates: the last is used" in err
