"""What the suites share: the fixture `bench`, the quick and the full run, going on where a run was interrupted."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from . import measure, record
from .measure import Spread, Timed
from .peers import PeerMissing
from .record import Outcome, Result, Value

_SECONDS = {False: 0.25, True: 1.5}  # of rounds for a benchmark, quick or full


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("platewatch")
    group.addoption("--full", action="store_true", help="all of it, up to 20 minutes; else a minute")
    group.addoption("--partial", type=Path, help="folder of outcomes, to go on from and to add to")
    group.addoption("--fresh", action="store_true", help="do what is done already again")
    group.addoption("--core", type=Path, help="the program core_benchmark, which tells the machine's floor")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_Run(config), "platewatch-run")


@pytest.fixture
def bench(request: pytest.FixtureRequest, benchmark: Any) -> Bench:
    run = request.config.pluginmanager.get_plugin("platewatch-run")
    assert isinstance(run, _Run)
    made = Bench(request.module.QUESTION, benchmark, request.config)
    run.current = made
    return made


class Bench:
    """Measures for one benchmark, and keeps what came out."""

    def __init__(self, question: str, benchmark: Any, config: pytest.Config) -> None:
        self.full = bool(config.getoption("--full"))
        self.core: Path | None = config.getoption("--core")
        self.cores = len(os.sched_getaffinity(0))
        self.results: list[Result] = []
        self.accuracy: Any = None
        self._question = question
        self._benchmark = benchmark
        benchmark.group = question

    def measure(
        self,
        timed: Mapping[str, Timed],
        *,
        checked: str,
        unit: str = "ns",
        scale: float = 1e9,
        seconds: float | None = None,
        notes: Mapping[str, str] | None = None,
        against: Sequence[str] | None = None,
        **parameters: Value,
    ) -> None:
        """Time these calls in turn; pytest-benchmark sees the first of them.

        `scale` turns seconds into `unit`. Each has a ratio to those named in `against`, which if left out is the first.
        `seconds` is how long it may take: rounds are as many as that allows, but at least five, of a slow call three.
        `checked` says what the number of results was held against.
        """
        rounds = measure.rounds_for(timed, seconds or _SECONDS[self.full])
        (first_name, first), *others = timed.items()
        against = [first_name] if against is None else against

        def others_in_turn() -> None:
            for _, other in others:
                other.run()

        self._benchmark.pedantic(first.run, setup=others_in_turn, rounds=rounds)
        for name, one in timed.items():
            self.add(
                name,
                one.each(scale),
                unit,
                count=one.expected,
                checked=checked,
                quantiles=None,
                ratios={other: measure.ratio(one, timed[other]) for other in against if other != name},
                note=(notes or {}).get(name, ""),
                **parameters,
            )

    def once(self, call: Any) -> Any:
        """Call it once, as the benchmark: for what times itself."""
        return self._benchmark.pedantic(call, rounds=1)

    def add(
        self,
        name: str,
        value: Spread,
        unit: str,
        *,
        count: int | None = None,
        checked: str = "",
        ratios: Mapping[str, Spread] | None = None,
        quantiles: Mapping[str, float] | None = None,
        note: str = "",
        **parameters: Value,
    ) -> None:
        """Keep one result, as `Result` has it."""
        self.results.append(
            Result(
                question=self._question,
                name=name,
                unit=unit,
                value=value,
                parameters=parameters,
                count=count,
                checked=checked,
                ratios=dict(ratios or {}),
                quantiles=dict(quantiles or {}),
                note=note,
            )
        )
        self._benchmark.extra_info[name] = {"unit": unit, "median": value.median, "results": count} | parameters


class _Run:
    """Chooses what is run, in which order, tells how far it is, and keeps the outcomes."""

    def __init__(self, config: pytest.Config) -> None:
        self.current: Bench | None = None
        self._config = config
        self._full = bool(config.getoption("--full"))
        folder: Path | None = config.getoption("--partial")
        self._partial = record.Partial(folder) if folder is not None else None
        if self._partial is not None:
            self._partial.begin(full=self._full, fresh=config.getoption("--fresh"))
        self._waiting: list[str] = []
        self._count = 0
        self._seconds: list[float] = []
        before = record.latest(full=self._full)
        self._known = {outcome.benchmark: outcome.seconds for outcome in before.outcomes} if before else {}

    @pytest.hookimpl(trylast=True)  # once -k has chosen
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        # By size of the list, so that each list is built once for all suites.
        items.sort(key=lambda item: _entries(item))
        if not self._full:
            items[:] = [item for item in items if item.get_closest_marker("full") is None]
        self._count = len(items)
        if self._partial is not None:
            done = [item for item in items if self._partial.has(_short(item.nodeid))]
            items[:] = [item for item in items if item not in done]
            if done:
                self._say(f"{len(done)} of {self._count} benchmarks were done before; --fresh does them again")
        self._waiting = [_short(item.nodeid) for item in items]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, bool, bool]:
        self.current = None
        started = time.perf_counter()
        answer = yield
        self._seconds.append(time.perf_counter() - started)
        return answer

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if call.when == "call" or (call.when == "setup" and not report.passed):
            if call.excinfo is not None and call.excinfo.errisinstance(PeerMissing):
                report.outcome, report.longrepr = "skipped", (str(item.path), 0, str(call.excinfo.value))
            self._finished(_short(item.nodeid), report)
        return report

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        if report.when != "call" and report.passed:
            return None
        return report.outcome, "", ""

    def _finished(self, name: str, report: Any) -> None:
        self._waiting.remove(name)
        results = list(self.current.results) if self.current is not None else []
        reason = ""
        if report.skipped:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            reason = reason.removeprefix("Skipped: ")
        if self._partial is not None and not report.failed:
            self._partial.add(
                Outcome(
                    benchmark=name,
                    seconds=round(report.duration, 2),
                    results=results,
                    left_out=reason,
                    accuracy=self.current.accuracy if self.current is not None else None,
                )
            )
        left = sum(self._known.get(waiting, self._usual()) for waiting in self._waiting)
        at = f"[{self._count - len(self._waiting)} of {self._count}, {_duration(left)} left]"
        if report.failed or reason:
            self._say(f"{at} {name}: {'FAILED' if report.failed else f'left out: {reason}'}")
        for result in results:
            self._say(f"{at} {line(result)}")

    def _usual(self) -> float:
        return statistics.median(self._seconds) if self._seconds else 2.0

    def _say(self, text: str) -> None:
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.ensure_newline()
            reporter.write_line(text)


def line(result: Result) -> str:
    """A result on one line: what, its median, and between which values half of the rounds lie."""
    what = ", ".join(f"{name.replace('_', ' ')} {_number(value)}" for name, value in result.parameters.items())
    v = result.value
    spread = f" ({_figure(v.low)} to {_figure(v.high)})" if v.rounds > 1 else ""
    text = f"{result.question}: {result.name}{f' [{what}]' if what else ''}: {_figure(v.median)} {result.unit}{spread}"
    for name, r in result.ratios.items():
        text += f"; {_figure(r.median)} times ({_figure(r.low)} to {_figure(r.high)}) {name}"
    return text + (f"; {result.note}" if result.note else "")


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _number(value: Value) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _short(nodeid: str) -> str:
    """bench_lookup.py::test_by_size[1-1000] -> lookup/by_size[1-1000], wherever the suites lie."""
    path, _, rest = nodeid.partition("::")
    return f"{Path(path).stem.removeprefix('bench_')}/{rest.removeprefix('test_')}"


def _entries(item: pytest.Item) -> int:
    parameters = getattr(item, "callspec", None)
    return int(parameters.params.get("entries", 0)) if parameters is not None else 0
