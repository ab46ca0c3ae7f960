"""The README's figures, from the newest full record that is kept: python -m benchmarks.readme [--write]

Without --write it only tells whether the README has them. With --evaluations DIRECTORY, the figures of `make evaluate`
instead, which are not kept.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from pathlib import Path

import msgspec

from platewatch.evaluation import Evaluation
from platewatch.evaluation.figures import Interval, RatePoint
from platewatch.evaluation.results import ALARM_RATES, CHECK, NOTIFY, ModelRates

from . import figures, record
from .figures import duration, rounded, times
from .record import Record
from .workloads import CITY

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PLOT = Path("docs/time-per-read.svg")

_BEGIN = "<!-- Figures of a record: make bench bench-readme -->\n"
_BEGIN_EVALUATION = "<!-- Figures of an evaluation: make evaluate evaluate-readme -->\n"
_END = "<!-- End of the figures -->\n"
_PEERS_SIZE = 100_000
_SHORT = {1_000: "1,000", 10_000: "10,000", 100_000: "100,000", 1_000_000: "1 million", 10_000_000: "10 million"}


def block(of: Record) -> str:
    """What stands in the README between the markers, in Markdown."""
    parts = [_machine(of), _cameras(of), _plot(of), _sizes(of), _peers(of), _join(of), _rest(of)]
    return "\n".join(part if part.startswith(("|", "!")) else _filled(part) for part in parts if part)


def evaluation_block(by_set: dict[str, Evaluation]) -> str:
    """A table with a column for each set of reads, by its name, in Markdown; good cameras first."""
    evaluations = [*by_set.values()]
    settings = evaluations[0].settings
    models = [evaluation.views[0].models[-1] for evaluation in evaluations]
    fused = [evaluation.views[1].models[-1] for evaluation in evaluations]
    exact = [evaluation.views[0].rules[0].recall for evaluation in evaluations]
    day = evaluations[0].views[0].traffic
    rows = [
        ("reads, of which misread", [f"{e.reads:,}, {_less(r)}" for e, r in zip(evaluations, exact, strict=True)]),
        ("*notify*: alarms a day", [_number(m.by_grade[NOTIFY].alarms.total) for m in models]),
        ("of them right", [_between(m.by_grade[NOTIFY].alarms.precision) for m in models]),
        ("wanted found so", [_between(m.by_grade[NOTIFY].recall) for m in models]),
        ("*check* beside them: pictures a day", [_number(m.by_grade[CHECK].alarms.total) for m in models]),
        ("of them right", [_between(m.by_grade[CHECK].alarms.precision) for m in models]),
        ("wanted found so", [_between(m.by_grade[CHECK].recall) for m in models]),
        ("found where 0.1 % of innocent reads are alarmed", [_between(_at(m, 0.001).recall) for m in models]),
        ("the same, by passes of several reads", [_between(_at(m, 0.001).recall) for m in fused]),
        ("exact look-up finds", [_between(figure) for figure in exact]),
        ("calibration error, points of 100", [_points(e.calibration.error) for e in evaluations]),
    ]
    told = (
        "Reads of rendered plates by real recognisers, judged by models that have not seen the plate, against "
        f"{settings.hotlist_size:,} wanted of {settings.vehicles:,} vehicles. Of {settings.reads_per_day:,} reads a "
        f"day, {day.wanted:,.0f} are of wanted vehicles if these drive as much as others. In brackets: 95 % intervals."
    )
    lines = [_row(name, *cells) for name, cells in rows]
    head = [_row("", *by_set), _row("---", *["---:"] * len(by_set))]
    return "\n".join([_filled(told), *head, *lines, ""])


def _at(model: ModelRates, share: float) -> RatePoint:
    return model.at_alarm_rates[ALARM_RATES.index(share)]


def _less(share: Interval) -> str:
    return "–" if share.value is None else f"{100 * (1 - share.value):.0f} %"


def _number(figure: Interval) -> str:
    return "–" if figure.value is None else f"{figure.value:,.0f}"


def _between(share: Interval) -> str:
    if share.value is None:
        return "–"
    ends = "" if share.low is None or share.high is None else f" ({100 * share.low:.0f} to {100 * share.high:.0f})"
    return f"{100 * share.value:.1f} %{ends}"


def _points(share: Interval) -> str:
    return "–" if share.value is None else f"{100 * share.value:.1f}"


def replaced(readme: str, figures_block: str, marker: str = _BEGIN) -> str:
    """The README with that block behind the marker. Raises ValueError if it has no such markers."""
    head, begin, rest = readme.partition(marker)
    _, end, tail = rest.partition(_END)
    if not begin or not end:
        raise ValueError("the README has no markers for the figures")
    return f"{head}{begin}\n{figures_block}\n{end}{tail}"


def _machine(of: Record) -> str:
    m = of.machine
    name = record.file_name(of)
    return (
        f"Measured on {m.title()}, with {m.kernel} as the instruction set, the core built by {m.compiler}, Python "
        f"{m.python}, on {of.made:%Y-%m-%d} ([record](benchmarks/record/{name})). `platewatch bench` measures the same "
        "on your machine in a minute. Take the ratios rather than the absolute times.\n"
    )


def _cameras(of: Record) -> str:
    results = of.results("scoring", view="cameras", k=2, entries=CITY)
    if not results:
        return ""
    rate = 1e9 / results[0].value.median
    return (
        f"One core compares {rounded(rate)} reads a second with {CITY:,} wanted plates, within two edits and with "
        f"probabilities. At one read a second from each of the {figures.CAMERAS:,} cameras that Korea plans, that is "
        f"{figures.CAMERAS / rate:.1f} cores.\n"
    )


def _plot(of: Record) -> str:
    if len(of.results("lookup", view="by size", k=1)) < 2:
        return ""
    return f"![Time per read against list size, within one edit]({PLOT})\n"


def _sizes(of: Record) -> str:
    sizes = sorted({int(r.parameters["entries"]) for r in of.results("lookup", view="by size")})
    lines = []
    for k in range(4):
        by_size = {int(r.parameters["entries"]): r.value.median for r in of.results("lookup", view="by size", k=k)}
        growth = figures.growth(of, k)
        if by_size and growth is not None:
            cells = [duration(by_size[size]) if size in by_size else "" for size in sizes]
            lines.append(_row(f"k={k}", *cells, f"× {10**growth:.1f}"))
    if not lines:
        return ""
    head = ["a read, one core, plates listed:", *(_SHORT.get(size, f"{size:,}") for size in sizes), "for × 10"]
    return "\n".join([_row(*head), _row(*["---"] + ["---:"] * (len(head) - 1)), *lines, ""])


def _peers(of: Record) -> str:
    lines = []
    for line in figures.peers(of):
        if line.parameters["entries"] != _PEERS_SIZE or line.parameters["k"] != 1:
            continue
        batch, call = line.ratios.get("platewatch, one batch"), line.ratios.get("platewatch, one call a read")
        ratios = [times(batch.median), times(call.median)] if batch is not None and call is not None else ["–", "–"]
        lines.append(_row(line.name, duration(line.value.median), *ratios, line.checked.partition(" of ")[0]))
    if not lines:
        return ""
    head = [f"instead, {_PEERS_SIZE:,} plates, k=1", "a read", "× platewatch, batch", "× platewatch, call", "matches"]
    return "\n".join([_row(*head), _row("---", "---:", "---:", "---:", "---"), *lines, ""])


def _join(of: Record) -> str:
    """A column for each number of threads: our time, the peer's, and how many times as long that is."""
    threads = sorted({int(r.parameters["threads"]) for r in of.results("join")})
    cells: dict[tuple[int, int], dict[int, str]] = {}
    ours: dict[tuple[int, int, int], str] = {}
    for r in of.results("join"):
        k, entries, number = (int(r.parameters[name]) for name in ("k", "entries", "threads"))
        taken = duration(1e6 * r.value.median)
        if not r.ratios:
            ours[k, entries, number] = taken
            continue
        (ratio,) = r.ratios.values()
        line = cells.setdefault((k, entries), {})
        line[number] = f"{ours[k, entries, number]}, {taken}: × {times(ratio.median)}"
    if not cells:
        return ""
    head = ["from two lists to all pairs: platewatch, symscan", *(f"{n} thread{'s' if n > 1 else ''}" for n in threads)]
    lines = [
        _row(f"k={k}, {_SHORT.get(entries, f'{entries:,}')} plates", *(line.get(number, "") for number in threads))
        for (k, entries), line in sorted(cells.items())
    ]
    return "\n".join([_row(*head), _row("---", *["---:"] * len(threads)), *lines, ""])


def _rest(of: Record) -> str:
    sentences = []
    memory = dict(figures.memory(of))
    if figures.INDEX in memory and figures.ALL in memory:
        sentences.append(
            f"An entry takes {memory[figures.INDEX]:.0f} bytes of the index, and with all that is known of it "
            f"{memory[figures.ALL]:.0f}."
        )
    service = of.results("service", view="throughput")
    if service:
        sentences.append(
            f"The whole service takes in up to {rounded(max(r.value.median for r in service))} reads a second by HTTP "
            "on one core, beside its clients."
        )
    sentences += [
        f"At {r.parameters['reads_a_second']:g} reads a second, a notification arrives "
        f"{duration(1e6 * r.value.median)} after the read (99 of 100 within {duration(1e6 * r.quantiles['0.99'])})."
        for r in of.results("service", view="latency")
        if r.name == "notification received"
    ]
    return " ".join(sentences) + "\n" if sentences else ""


def _filled(paragraph: str) -> str:
    return textwrap.fill(paragraph, 120, break_long_words=False, break_on_hyphens=False) + "\n"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def main(arguments: list[str] | None = None) -> int:
    """0 if the README has the figures, or was given them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write them, and the plot")
    parser.add_argument("--evaluations", type=Path, help="where make evaluate put its results")
    options = parser.parse_args(arguments)
    now = README.read_text("utf-8")
    newest = None
    if options.evaluations is not None:
        wanted = replaced(now, evaluation_block(evaluations(options.evaluations)), _BEGIN_EVALUATION)
    else:
        newest = record.latest(full=True)
        if newest is None:
            print("no full record is kept: make bench", file=sys.stderr)
            return 2
        wanted = replaced(now, block(newest))
    if not options.write:
        print("the README has the figures" if now == wanted else "the README has other figures: --write")
        return 0 if now == wanted else 1
    README.write_text(wanted, "utf-8")
    if newest is not None:
        _write_plot(newest)
    return 0


def evaluations(directory: Path) -> dict[str, Evaluation]:
    """The results of `make evaluate`, by what the README calls the set. Raises OSError, and msgspec.DecodeError."""
    return {
        name: msgspec.json.decode((directory / folder / "result.json").read_bytes(), type=Evaluation)
        for name, folder in (("networks trained on plates", "plate"), ("readers of any text", "ocr"))
    }


def _write_plot(of: Record) -> None:
    from platewatch.evaluation.plots import svg

    from .plots import by_size

    plot = by_size(of, 1)
    if plot is not None:
        (ROOT / PLOT).write_text(svg(plot), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
