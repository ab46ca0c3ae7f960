"""The benchmark harness: that it measures in turn, checks what it measures, goes on, and tells of regressions."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import platewatch as pw
from benchmarks import figures, instructions, measure, oracle, readme, record, report, run, workloads
from benchmarks.conftest import Bench
from benchmarks.instructions import Counts
from benchmarks.measure import Spread, Timed
from benchmarks.peers import peers
from benchmarks.record import Outcome, Partial, Result
from platewatch.evaluation import Evaluation, Settings
from platewatch.evaluation.figures import (
    Alarms,
    Bootstrap,
    Calibrator,
    Curve,
    Interval,
    RatePoint,
    Traffic,
)
from platewatch.evaluation.results import ALARM_RATES, ModelRates, Rule, View


class Benchmark:
    """What the harness uses of pytest-benchmark's fixture."""

    def __init__(self) -> None:
        self.group = ""
        self.extra_info: dict[str, Any] = {}

    def pedantic(self, target: Callable[[], Any], setup: Callable[[], None] = lambda: None, rounds: int = 1) -> Any:
        for _ in range(rounds):
            setup()
            answer = target()
        return answer


class Config:
    def getoption(self, _: str) -> None:
        return None


def new_bench() -> Bench:
    return Bench("x", Benchmark(), Config())  # type: ignore[arg-type]


def outcome(name: str, value: float = 1.0) -> Outcome:
    result = Result(question="lookup", name="batch", unit="ns", value=Spread.of([value]))
    return Outcome(benchmark=name, seconds=0.1, results=[result])


def test_what_is_compared_runs_in_turn_round_after_round() -> None:
    order: list[str] = []

    def call(name: str) -> int:
        order.append(name)
        return 7

    bench = new_bench()
    timed = {name: Timed(lambda name=name: call(name), 1) for name in "abc"}
    bench.measure(timed, checked="", seconds=0.001)
    assert len(order) % 3 == 0
    assert len(order) >= 3 * 6  # five rounds and one that is not kept
    assert all(sorted(order[i : i + 3]) == ["a", "b", "c"] for i in range(0, len(order), 3))
    assert [r.name for r in bench.results] == ["a", "b", "c"]
    assert [set(r.ratios) for r in bench.results] == [set(), {"a"}, {"a"}]
    assert {r.count for r in bench.results} == {7}


def test_a_round_with_another_number_of_results_fails() -> None:
    numbers = iter([3, 3, 4])
    timed = Timed(lambda: next(numbers), 1)
    timed.run()
    timed.run()
    with pytest.raises(AssertionError, match="4 results, not 3"):
        timed.run()
    with pytest.raises(AssertionError, match="3 results, not 5"):
        Timed(lambda: 3, 1, expected=5).run()


def test_a_ratio_is_of_pairs_of_the_same_round_and_of_single_items() -> None:
    # The machine was three times as slow in the second round; the ratio does not show it.
    slow = Timed(lambda: 0, 10, seconds=[4.0, 12.0, 4.0])
    fast = Timed(lambda: 0, 100, seconds=[2.0, 6.0, 2.0])
    assert measure.ratio(slow, fast) == Spread(20.0, 20.0, 20.0, 3)
    assert slow.each(scale=1) == Spread(0.4, 0.4, 0.8, 3)


@pytest.mark.parametrize("exponent", [0.0, 0.3, 1.0])
def test_growth_is_the_exponent_of_the_list_size(exponent: float) -> None:
    sizes = [1e3, 1e4, 1e5, 1e6]
    assert measure.growth(sizes, [5 * size**exponent for size in sizes]) == pytest.approx(exponent)


def test_the_growth_is_told() -> None:
    lines = figures.summary(kept_record())
    assert [line[:4] for line in lines[:4]] == ["k=0:", "k=1:", "k=2:", "k=3:"]
    assert any(re.fullmatch(r"one core, 1 edit: [\d.,]+( million)? reads a second", line) for line in lines)


def test_what_clocks_itself_is_believed() -> None:
    timed = Timed(lambda: (3, 0.5), 2)
    timed.run()
    assert timed.seconds == [0.5]
    assert timed.expected == 3


@pytest.mark.parametrize("mix", workloads.MIXES)
def test_lists_are_of_so_many_different_canonical_plates_and_the_same_again(mix: workloads.Mix) -> None:
    plates = workloads.plates(mix, 3_000).tolist()
    assert len(set(plates)) == 3_000
    assert all(pw.normalize(plate) == plate for plate in plates)
    assert plates == workloads.plates(mix, 3_000).tolist()
    reads = workloads.reads(mix, 3_000, 500, hit_share=0.5)
    assert all(pw.normalize(read, read=True) == read for read in reads)
    assert 100 < sum(map(bool, workloads.found(workloads.matcher(mix, 3_000), reads, 2))) <= 500


def test_the_oracle_counts_edits_and_lets_region_marks_be_missing() -> None:
    plates = ["12가3456", "서울52바3108"]
    reads = ["12가3456", "12가345", "9912가3456", "52바3108", "서울12가3456", "99999"]
    assert oracle.distances(reads, plates) == [
        {"12가3456": 0},
        {"12가3456": 1},
        {"12가3456": 2},
        {"서울52바3108": 0},
        {"12가3456": 0},
        {},
    ]


def test_a_matcher_that_misses_an_entry_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert oracle.check("korean", 500, 1) > 0
    listed = workloads.plates_listed("korean", 500).tolist()
    poor = pw.Matcher(pw.Hotlist.from_plates(listed[:250]))
    monkeypatch.setattr(workloads, "matcher", lambda _mix, _entries: poor)
    with pytest.raises(AssertionError, match="other matches"):
        oracle.check("korean", 500, 1)


def test_a_run_goes_on_where_it_was_interrupted(tmp_path: Path) -> None:
    partial = Partial(tmp_path)
    partial.begin(full=False)
    partial.add(outcome("lookup/a[1]"))
    again = Partial(tmp_path)
    again.begin(full=False)
    assert again.has("lookup/a[1]")
    assert not again.has("lookup/a[2]")
    assert [o.benchmark for o in again.record().outcomes] == ["lookup/a[1]"]
    again.begin(full=False, fresh=True)
    assert not again.has("lookup/a[1]")


def test_what_another_code_measured_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    partial = Partial(tmp_path)
    partial.begin(full=False)
    partial.add(outcome("lookup/a[1]"))
    partial.begin(full=True)
    assert not partial.has("lookup/a[1]")
    partial.add(outcome("lookup/a[1]"))
    monkeypatch.setattr(record, "code", lambda: "another")
    partial.begin(full=True)
    assert not partial.has("lookup/a[1]")
    assert partial.record().code == "another"


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    partial = Partial(tmp_path / "partial")
    partial.begin(full=False)
    partial.add(outcome("lookup/a[1]", 1.234))
    made = partial.record()
    made.save(tmp_path / record.file_name(made))
    assert record.latest(tmp_path) == made
    assert record.latest(tmp_path, full=True) is None


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "find_spec", lambda name: None if name == "pytest_benchmark" else object())
    with pytest.raises(pw.PlatewatchError, match=r'pytest-benchmark: pip install "platewatch\[bench\]"'):
        run.require()


def bench_command(output: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "platewatch", "bench", "--output", str(output), *options],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=output.parent,
    )


def test_the_command_measures_and_writes_a_page_and_goes_on(tmp_path: Path) -> None:
    output = tmp_path / "bench"
    done = bench_command(output, "--only", "(by_size and 1000-) or (scoring and cameras)")
    assert done.returncode == 0, done.stdout + done.stderr
    made = record.load(output / "record.json")
    sizes = made.results("lookup", view="by size")
    assert sorted((r.parameters["entries"], r.parameters["k"]) for r in sizes) == [(1_000, k) for k in range(4)]
    assert all(r.count is not None and r.value.median > 0 for r in sizes)
    assert made.machine.kernel == pw.cpu_features()["kernel"]
    assert set(figures.cameras(made)) >= {"one core, 1 edit", "one core, 2 edits"}
    page = (output / "report.html").read_text("utf-8")
    assert "reads a second" in page
    assert (output / "cameras.png").stat().st_size > 1000

    done = bench_command(output, "--only", "(by_size and 1000-) or (scoring and cameras)")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "were done before" in done.stdout
    assert "one core, 2 edits: " in done.stdout

    done = bench_command(output, "--only", "no_such_benchmark", "--fresh")
    assert done.returncode == 2
    assert "no benchmark" in done.stderr


def kept_record() -> record.Record:
    newest = record.latest(full=True)
    assert newest is not None, "no full record is kept: make bench"
    return newest


def test_the_page_needs_nothing_from_elsewhere() -> None:
    kept = kept_record()
    drawings = dict.fromkeys(report.plots_of(kept), "<svg></svg>")
    page = report.html(kept, drawings)
    assert page.count("<svg") == len(drawings) >= 6
    assert not re.findall(r'(?:src|href|srcset)\s*=\s*["\'](?!#)', page)
    assert not re.findall(r"@import|url\((?!#)", page)
    for o in kept.outcomes:
        if o.left_out:
            assert escape(o.left_out) in page


def test_plots_load_nothing_from_elsewhere(tmp_path: Path) -> None:
    for path in report.write(kept_record(), tmp_path):
        if path.suffix in (".svg", ".html"):
            text = path.read_text("utf-8")
            assert not re.findall(r'href="(?!#)', text)
            assert not re.findall(r"@import|url\((?!#)", text)


def test_the_readme_has_the_figures_of_the_newest_record() -> None:
    text = readme.README.read_text("utf-8")
    assert text == readme.replaced(text, readme.block(kept_record())), "make bench-readme"


def test_the_readme_says_what_a_fast_index_takes() -> None:
    text = " ".join(readme.README.read_text("utf-8").split())
    told = re.search(r"of 10,000,000 plates takes ([\d.]+) times as long, but of 1,000,000 ([\d.]+) times", text)
    assert told is not None
    ratio = {
        result.parameters["entries"]: result.ratios["compact"].median
        for outcome in kept_record().outcomes
        if "index_kinds" in outcome.benchmark
        for result in outcome.results
        if result.name == "fast" and result.parameters["k"] == 1
    }
    assert told.groups() == (f"{ratio[10_000_000]:.2f}", f"{ratio[1_000_000]:.2f}")


def test_the_readme_tells_what_an_evaluation_found(tmp_path: Path) -> None:
    def point(found: float, right: float, alarms: float, rate: float | None = None) -> RatePoint:
        total, precision = Interval(alarms), Interval(right, right - 0.02, right + 0.02)
        told = Alarms(total=total, precision=precision)
        return RatePoint(threshold=0.5, recall=Interval(found), alarmed=Interval(0), alarm_rate=rate, alarms=told)

    def view(unit: str, found: float) -> View:
        model = ModelRates(
            name="model",
            at_alarm_rates=[point(found + rate, 0.5, 1, rate) for rate in ALARM_RATES],
            at_thresholds=[],
            curve=Curve([], [], []),
            by_grade={"notify": point(0.9, 0.95, 1084), "check": point(0.04, 0.25, 182)},
        )
        rules = [Rule("exact", "", Interval(0.869), Interval(0))]
        return View(unit=unit, units=1, rules=rules, models=[model], traffic=Traffic(1154, 998846))

    calibration = Calibrator(1, 0.01)
    calibration.add(np.array([0.9]), np.array([True]), np.ones(1), np.zeros(1, np.int64))
    evaluation = Evaluation(
        settings=Settings(),
        model="",
        reads=7403,
        passes=1,
        plates=1,
        listed_plates=1,
        views=[view("read", 0.953), view("pass", 0.968)],
        calibration=calibration.result(Bootstrap(1, 2, 0)),
        notes=[],
    )
    for folder in ("plate", "ocr"):
        (tmp_path / folder).mkdir()
        evaluation.save(tmp_path / folder / "result.json")
    block = readme.evaluation_block(readme.evaluations(tmp_path))
    rows = [line.split(" | ")[:2] for line in block.splitlines() if line.startswith("|")]
    assert "\n\n|  | networks trained on plates | readers of any text |\n" in block
    assert rows[2:] == [
        ["| reads, of which misread", "7,403, 13 %"],
        ["| *notify*: alarms a day", "1,084"],
        ["| of them right", "95.0 % (93 to 97)"],
        ["| wanted found so", "90.0 %"],
        ["| *check* beside them: pictures a day", "182"],
        ["| of them right", "25.0 % (23 to 27)"],
        ["| wanted found so", "4.0 %"],
        ["| found where 0.1 % of innocent reads are alarmed", "95.4 %"],
        ["| the same, by passes of several reads", "96.9 %"],
        ["| exact look-up finds", "86.9 %"],
        ["| calibration error, points of 100", "10.0"],
    ]
    assert "Of 1,000,000 reads a day, 1,154 are of wanted vehicles" in block.replace("\n", " ")


def test_a_kept_record_is_small_and_every_count_was_checked() -> None:
    kept = kept_record()
    path = record.KEPT / record.file_name(kept)
    assert path.stat().st_size < 300_000
    assert all(r.checked for o in kept.outcomes for r in o.results if r.count is not None)


def test_a_peer_has_a_ratio_only_where_it_finds_the_same() -> None:
    lines = figures.peers(kept_record())
    distances = {peer.name: peer.distance for peer in peers()}
    assert lines
    for line in lines:
        # By another distance, a sample may be the same by luck.
        same = line.checked.startswith("the same") and distances[line.name] == "Levenshtein"
        assert bool(line.ratios) == same, line.name


COUNTS = Counts(
    "GNU 12.2.0", {"serial": {"search_k1": 1000}, "haswell": {"search_k1": 500}}, {"serial": "5", "haswell": "5"}
)


def changed(share: float, *, compiler: str = COUNTS.compiler, found: str = "5") -> Counts:
    haswell = {"search_k1": round(500 * (1 + share))}
    return Counts(compiler, COUNTS.instructions | {"haswell": haswell}, COUNTS.found | {"haswell": found})


@pytest.mark.parametrize(
    ("now", "good"),
    [
        (changed(0.0), True),
        (changed(0.04), True),
        (changed(-0.5), True),
        (changed(0.06), False),
        (changed(0.0, found="4"), False),
        (changed(0.06, compiler="GNU 14.0"), True),
        (changed(0.3, compiler="GNU 14.0"), False),
        (Counts(COUNTS.compiler, {"serial": {"search_k1": 1000}}, COUNTS.found), False),
    ],
)
def test_more_instructions_fail(now: Counts, good: bool) -> None:
    lines, well = instructions.compare(now, COUNTS)
    assert well == good
    assert good != any("FAILED" in line for line in lines)
    assert any("ANOTHER COMPILER" in line for line in lines) == (now.compiler != COUNTS.compiler)


def test_the_check_of_instructions_exits_with_what_it_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "instructions.json"
    arguments = ["no-program", "--kept", str(kept)]
    monkeypatch.setattr(instructions, "count", lambda _: COUNTS)
    assert instructions.main([*arguments, "--write"]) == 0
    assert msgspec.json.decode(kept.read_bytes(), type=Counts) == COUNTS
    assert instructions.main(arguments) == 0
    monkeypatch.setattr(instructions, "count", lambda _: changed(0.06))
    assert instructions.main(arguments) == 1
    assert re.search(r"haswell +search_k1 +530 +\+6\.00%  FAILED", capsys.readouterr().out)
