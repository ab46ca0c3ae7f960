"""The README's figures, from the newest full record that is kept: python -m benchmarks.readme [--write]

Without --write it only tells whether the README has them.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from pathlib import Path

from platewatch.evaluation.run import ALARM_RATES

from . import figures, record
from .figures import duration, rounded, times
from .record import Record
from .workloads import CITY

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PLOT = Path("docs/time-per-read.svg")

_BEGIN = "<!-- Figures of a record: make bench bench-readme -->\n"
_END = "<!-- End of the figures -->\n"
_PEERS_SIZE = 100_000
_SHORT = {1_000: "1,000", 10_000: "10,000", 100_000: "100,000", 1_000_000: "1 million", 10_000_000: "10 million"}


def block(of: Record) -> str:
    """What stands in the README between the markers, in Markdown."""
    parts = [_machine(of), _cameras(of), _plot(of), _sizes(of), _peers(of), _accuracy(of), _rest(of)]
    return "\n".join(part if part.startswith(("|", "!")) else _filled(part) for part in parts if part)


def replaced(readme: str, figures_block: str) -> str:
    """The README with that block. Raises ValueError if it has no markers."""
    head, begin, rest = readme.partition(_BEGIN)
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


def _accuracy(of: Record) -> str:
    accuracy = of.accuracy()
    if accuracy is None:
        return ""
    view = accuracy.views[0]
    exact = next(rule.recall.value for rule in view.rules if rule.name == "exact")
    point = view.models[-1].at_alarm_rates[ALARM_RATES.index(0.001)]
    if exact is None or point.recall.value is None:
        return ""
    return (
        f"On {accuracy.reads:,} reads of rendered plates by real recognisers, exact look-up finds {100 * exact:.0f} % "
        f"of the wanted; platewatch finds {100 * point.recall.value:.0f} % where one innocent read in a thousand "
        "raises an alarm, by models that have not seen the plate.\n"
    )


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
    options = parser.parse_args(arguments)
    newest = record.latest(full=True)
    if newest is None:
        print("no full record is kept: make bench", file=sys.stderr)
        return 2
    now = README.read_text("utf-8")
    wanted = replaced(now, block(newest))
    if not options.write:
        print("the README has the figures" if now == wanted else "the README has other figures: make bench-readme")
        return 0 if now == wanted else 1
    from platewatch.evaluation.plots import svg

    from .plots import by_size

    README.write_text(wanted, "utf-8")
    plot = by_size(newest, 1)
    if plot is not None:
        (ROOT / PLOT).write_text(svg(plot), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
