"""`platewatch evaluate`, from end to end."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

import platewatch as pw
from platewatch.evaluation import Evaluation, report
from platewatch.evaluation.lists import random_plates
from platewatch.evaluation.sample import load
from tests.evaluations import rule, sample_plates, town

pytestmark = pytest.mark.timeout(1200)  # against hanging, on the slowest machine

READS = Path(__file__).parents[1] / "benchmarks" / "data" / "ocr_reads.jsonl.gz"


def run(*arguments: str, status: int = 0) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "platewatch", "evaluate", *arguments], capture_output=True, check=False
    )
    assert done.returncode == status, done.stderr.decode()
    return done.stdout.decode(), done.stderr.decode()


@pytest.fixture(scope="module")
def some_reads(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("evaluation") / "some.jsonl.gz"
    with gzip.open(READS) as lines, gzip.open(path, "wb") as out:
        out.writelines(line for i, line in enumerate(lines) if i % 25 == 0)
    return str(path)


def test_command_from_end_to_end(some_reads: str, tmp_path: Path) -> None:
    size = ("--hotlist-size", "2000", "--draws", "5", "--country", "KR")
    output = tmp_path / "out"
    out, err = run("--reads", some_reads, "--fit", "--folds", "2", *size, "--passes", "--output", str(output))
    assert "cross-validated in 2 folds of plates" in out
    assert "within 2 edits" in out
    assert "by pass" in out
    # What comes first is what a day's alarms are, then whether to believe it, then the shares.
    order = ["a day of 1,000,000 reads, 77 of them of wanted vehicles:", "\nnotify ", "\ncheck ", "\np ≥ 0.5 "]
    order += ["\np ≥ 0.9 ", "\nbest read:", "\n  notify ", "\nfused:", "expected calibration error", "log-loss, of"]
    order += ["model, ≤ 0.03 % alarmed", "model, ≤ 0.1 % alarmed", "fused, ≤ 0.1 % alarmed"]
    places = [out.find(words) for words in order]
    assert -1 not in places
    assert places == sorted(places)
    assert all(len(line) <= 80 for line in out.splitlines() if line.startswith(("  ", "notify", "p ≥", "exact")))
    assert "report.html and 7 more files" in err
    names = ["recall_by_pass", "recall_by_read", "reliability"]
    files = ["report.html", "result.json", *(f"{name}.{kind}" for name in names for kind in ("png", "svg"))]
    assert sorted(path.name for path in output.iterdir()) == sorted(files)
    page = (output / "report.html").read_text("utf-8")
    assert page.count("<svg") == 3
    assert not re.search(r'(src|href)="(?!#)', page)  # nothing is fetched
    assert (output / "reliability.png").read_bytes().startswith(b"\x89PNG")
    assert page.index("The model notifies of") < page.index("Share that is right") < page.index("innocent reads")
    result = msgspec.json.decode((output / "result.json").read_bytes(), type=Evaluation)
    assert result.views[0].traffic.wanted == pytest.approx(1_000_000 * 2000 / 26_000_000)
    notify = result.views[0].models[0].by_grade["notify"].alarms
    assert 0.5 < (notify.precision.value or 0) <= 1
    assert f"{100 * (notify.precision.value or 0):.1f} %" in out
    found = {rule.name: rule.recall.value for rule in result.views[0].rules}
    assert 0.3 < (found["exact"] or 0) < (found["within 1 edit"] or 0) < (found["within 2 edits"] or 0) < 1
    assert result.calibration.log_loss_ratio.value is not None
    assert result.calibration.log_loss_ratio.value < 0.5


def test_command_as_json_with_a_model_of_ones_own(some_reads: str, tmp_path: Path) -> None:
    model = tmp_path / "model.json"
    pw.ChannelModel.default().save(model)
    few = ("--hotlist-size", "500", "--draws", "2")
    result = json.loads(run("--reads", some_reads, "--model", str(model), *few, "--json")[0])
    assert result["model"] == str(model)
    assert result["settings"]["draws"] == 2
    assert result["reads"] == len(load(Path(some_reads))[0])


def test_command_leaves_engines_out(some_reads: str, tmp_path: Path) -> None:
    few = ("--hotlist-size", "500", "--draws", "2", "--wanted-per-day", "40", "--notify", "0.6")
    output = tmp_path / "out"
    out, _ = run("--reads", some_reads, "--fit", "--leave-out", "engine", *few, "--output", str(output))
    engines = {one.read.engine for one in load(Path(some_reads))[0]}
    said = f"cross-validated in {len(engines)} folds of engines: each read is judged as of an unknown engine"
    assert said in out
    page = (output / "report.html").read_text("utf-8")
    assert said in page
    assert "What confidences are worth" in page
    told = out[out.index("log-loss (nats a match) with confidences") :].splitlines()[2:]
    assert [line.split()[0] for line in told[: len(engines) + 1]] == [*sorted(map(str, engines)), "all"]
    assert "a day of 1,000,000 reads, 40 of them of wanted vehicles:" in out
    result = msgspec.json.decode((output / "result.json").read_bytes(), type=Evaluation)
    assert (result.settings.wanted_per_day, result.settings.notify) == (40, 0.6)


def test_command_shows_what_it_learns_without_labels(some_reads: str, tmp_path: Path) -> None:
    few = ("--hotlist-size", "500", "--draws", "2", "--passes", "--engine-unnamed")
    output = tmp_path / "out"
    out, err = run("--reads", some_reads, *few, "--learn", "30,100000", "--output", str(output))
    assert "report.html and 9 more files" in err
    result = msgspec.json.decode((output / "result.json").read_bytes(), type=Evaluation)
    assert result.model == "the shipped one, engines unnamed"
    none, some, every = result.learnt
    assert (none.reads, some.reads >= 30, every.asked) == (0, True, 100_000)
    told = out[out.index("what unlabelled reads of this very traffic teach, by read") :].splitlines()
    assert all(len(line) <= 80 for line in told)
    for line, learnt in zip(told[2:5], result.learnt, strict=True):
        assert line.split()[0] == f"{learnt.reads:,}"
        assert line.split()[-1] == f"{learnt.log_loss_ratio.value:.3f}"
    assert "by pass, fused" in out
    page = (output / "report.html").read_text("utf-8")
    assert "What it learns by itself" in page
    assert page.count("<svg") == 4
    assert f"<td>{every.reads:,}</td>" in page
    assert (output / "learning.svg").exists()


@pytest.mark.parametrize("counts", ["", "0", "-5", "many", "10,", "1e3"])
def test_command_names_numbers_of_reads_that_are_none(some_reads: str, counts: str) -> None:
    assert "--learn takes numbers of reads from 1 on" in run("--reads", some_reads, "--learn", counts, status=2)[1]


def test_command_says_what_is_wrong(some_reads: str, tmp_path: Path) -> None:
    assert "no read of the country 'XX'" in run("--reads", some_reads, "--country", "XX", status=2)[1]
    for option in (("--model", "m.json"), ("--error-rate", "0.1")):
        assert "--fit excludes" in run("--reads", some_reads, "--fit", *option, status=2)[1]
    assert "--leave-out needs --fit" in run("--reads", some_reads, "--leave-out", "engine", status=2)[1]
    assert "--camera-reads needs --learn" in run("--reads", some_reads, "--camera-reads", "9", status=2)[1]
    assert "reads of wanted vehicles are not" in run("--reads", some_reads, "--wanted-per-day", "1e9", status=2)[1]
    assert "policy.check" in run("--reads", some_reads, "--check", "0.7", status=2)[1]
    assert "No such file" in run("--reads", str(tmp_path / "none.jsonl"), status=2)[1]
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"text": "12가3456"}\n' * 12, "utf-8")
    out, err = run("--reads", str(bad), status=2)
    assert "row 1, truth" in err
    assert "12 bad rows left out: no truth 12" in err
    assert "no usable read" in err
    assert "가" not in out + err


@pytest.mark.parametrize("fault", ["cut off", "no such block", "wrong check sum", "no gzip file"])
def test_command_names_a_file_that_cannot_be_unpacked(tmp_path: Path, fault: str) -> None:
    line = b'{"text": "1", "truth": "1"}\n'
    data = bytearray(gzip.compress(line))
    if fault == "cut off":
        del data[-9:]
    elif fault == "no such block":
        data[10] = 0xFF  # the first byte behind the header
    elif fault == "wrong check sum":
        data[-8] ^= 1
    else:
        data = bytearray(line)
    path = tmp_path / "reads.jsonl.gz"
    path.write_bytes(data)
    reason = "the gzip file is cut off" if fault == "cut off" else "no gzip file, or a damaged one"
    assert run("--reads", str(path), status=2) == ("", f"{path}: {reason}\n")


def test_an_output_that_cannot_be_written_is_refused_before_the_run(
    some_reads: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place, reason in (("/dev/null", "Not a directory"), (f"{some_reads}/out", "Not a directory")):
        out, err = run("--reads", some_reads, "--draws", "10000", "--output", place, status=2)
        assert (out, err) == ("", f"{place}: {reason}\n")
    out_of_reads = tmp_path / "out"
    assert "no usable read" in run("--reads", "/dev/null", "--output", str(out_of_reads), status=2)[1]
    assert not out_of_reads.exists()
    # That of root, as whom the tests may run, is never refused.
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(PermissionError):
        report.prepare(tmp_path / "made")


def test_command_shows_what_is_left_out_and_what_is_ignored(tmp_path: Path) -> None:
    reads = tmp_path / "reads.jsonl"
    lines = [{"text": plate, "truth": plate, "chars": [{"c": "1", "p": 97}]} for plate in sample_plates(4)]
    lines.append({"text": "12가3456", "truth": "12가34?6"})
    reads.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8-sig")
    out, err = run("--reads", str(reads), "--hotlist-size", "10", "--draws", "1", "--output", str(tmp_path / "out"))
    refused, counted, written = err.splitlines()
    assert refused.endswith("row 5, truth: has a character that is no letter, digit or separator")
    assert counted == "1 bad row left out: a truth that cannot be matched 1"
    assert written.endswith("report.html and 5 more files")
    assert out.startswith("4 reads of 4 plates")
    note = "Of 4 of these reads, `chars` do not line up with the text, and were ignored: docs/formats.md."
    assert out.endswith(f"{note}\n")
    assert note in (tmp_path / "out" / "report.html").read_text("utf-8")


@pytest.mark.parametrize("missing", ["", ', "text": null', ', "text": ""', ', "text": "--"'])
def test_command_counts_what_the_recogniser_did_not_see(tmp_path: Path, missing: str) -> None:
    reads = tmp_path / "reads.jsonl"
    plates = sample_plates(40)
    rows = [f'{{"text": "{plate}", "truth": "{plate}", "country": "KR"}}' for plate in plates[:18]]
    rows += [f'{{"truth": "{plate}", "country": "KR"{missing}}}' for plate in plates[18:]]
    rows += ['{"text": "AB123CD", "truth": "AB123CD", "country": "FR"}', '{"text": "12가3456", "truth": null}', "{"]
    reads.write_text("".join(row + "\n" for row in rows), "utf-8")
    few = ("--hotlist-size", "100", "--draws", "100", "--country", "KR")
    out, err = run("--reads", str(reads), *few, "--output", str(tmp_path / "out"))
    missed = "Missed by every method, and counted so: 22 reads (nothing was read 22)."
    left_out = "Left out of all figures: 3 rows (no truth 1, no read 1, not of the country KR 1)."
    assert f"{missed} {left_out}" in out
    assert f"{missed} {left_out}" in (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "2 bad rows left out: no truth 1, no read 1" in err
    result = msgspec.json.decode((tmp_path / "out" / "result.json").read_bytes(), type=Evaluation)
    assert result.missed == {"nothing was read": 22}
    assert result.left_out == {"no truth": 1, "no read": 1, "not of the country KR": 1}
    exact, _ = rule(result, "exact")
    assert exact == pytest.approx(0.45, abs=0.02)
    # Each row of the table says what it stands for, and none alarmed is not none for sure.
    rows_of = {line.split("  ")[0]: line for line in out.splitlines()}
    assert re.search(r"^exact +0\.000 % \(≤ 7\.\d+\) +0\.4", rows_of["exact"])
    assert {"model, ≤ 0.1 % alarmed", "model, ≤ 3 % alarmed", "model, threshold 0.5"} <= rows_of.keys()
    assert all(len(line) <= 80 for line in out.splitlines() if "% (≤" in line)


def test_command_fits_among_the_vehicles_of_a_population(tmp_path: Path) -> None:
    population = town(tmp_path)
    plates = random_plates(np.random.default_rng(2), 60, (), population)
    reads = tmp_path / "reads.jsonl"
    reads.write_text("".join(json.dumps({"text": plate, "truth": plate}) + "\n" for plate in plates), "utf-8")
    few = ("--hotlist-size", "1000", "--draws", "2", "--folds", "2")
    out, err = run(str(reads), "--fit", "--population", population.name, *few, "--json")
    result = msgspec.json.decode(out, type=Evaluation)
    assert err == ""
    assert result.population == population.name
    assert result.model.endswith(f"in 2 folds of plates, among the vehicles of {population.name}")
    assert result.settings.vehicles == 300_000
    assert result.notes == []
    # Without it, these are nobody's plates, and it is said once.
    out, err = run(str(reads), "--fit", *few, "--json")
    warned = "100 % of the sample's plates are of no class of the population (Korea's)"
    assert err == f"warning: {warned}: probabilities will be wrong; use --population\n"
    assert f"As {warned}" in json.loads(out)["notes"][0]
    assert json.loads(out)["settings"]["vehicles"] == 26_000_000


def test_command_takes_one_file(some_reads: str) -> None:
    for files in ((), (some_reads, "--reads", some_reads)):
        assert run(*files, status=2)[1] == "one file of reads is needed: READS, or --reads READS\n"
