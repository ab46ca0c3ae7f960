"""A record as a page that can be read without knowing how matching works."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from platewatch.evaluation import plots as evaluation_plots
from platewatch.evaluation.page import figure, page, row, table

from . import figures, plots
from .figures import duration, rounded, times
from .measure import Spread
from .record import Record, Result
from .workloads import CITY

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write(record: Record, directory: Path) -> list[Path]:
    """Write report.html, which needs no other file, and its plots as SVG and PNG; returns their paths.

    Raises PlatewatchError without matplotlib, and OSError.
    """
    evaluation_plots.require()
    directory.mkdir(parents=True, exist_ok=True)
    drawings = {}
    written = [directory / "report.html"]
    for name, plot in plots_of(record).items():
        drawings[name] = evaluation_plots.svg(plot)
        svg, png = directory / f"{name}.svg", directory / f"{name}.png"
        svg.write_text(drawings[name], encoding="utf-8")
        evaluation_plots.write_png(plot, png)
        written += [svg, png]
    written[0].write_text(html(record, drawings), encoding="utf-8")
    return written


def plots_of(record: Record) -> dict[str, Figure]:
    """The plots that a record has results for, by name."""
    accuracy = record.accuracy()
    made = {
        "cameras": plots.cameras(record),
        "by_size_1": plots.by_size(record, 1),
        "by_size_2": plots.by_size(record, 2),
        "memory": plots.memory(record),
        "latency": plots.latency(record),
        "recall": evaluation_plots.recall(accuracy.views[0]) if accuracy is not None else None,
        "reliability": evaluation_plots.reliability(accuracy) if accuracy is not None else None,
    }
    return {name: plot for name, plot in made.items() if plot is not None}


def html(record: Record, drawings: dict[str, str]) -> str:
    """The page, with the plots drawn in it; `drawings` has the SVG documents by name."""
    m = record.machine
    parts = [
        "<h1>How fast and how exact platewatch is on this machine</h1>",
        (
            f'<p class="quiet">{escape(m.title())}; {record.made:%Y-%m-%d}, {escape(record.code)}, '
            f"{'the full run' if record.full else 'a quick run: take the figures as rough'}.</p>"
        ),
        *_cameras(record, drawings),
        *_sizes(record, drawings),
        *_accuracy(record, drawings),
        *_latency(record, drawings),
        *_memory(record, drawings),
        *_peers(record),
        *_details(record),
        *_left_out(record),
        *_machine(record),
    ]
    return page("platewatch benchmarks", parts)


def _cameras(record: Record, drawings: dict[str, str]) -> list[str]:
    one = record.results("scoring", view="cameras", k=2, entries=CITY)
    if not one or "cameras" not in drawings:
        return []
    rate = 1e9 / one[0].value.median
    enough = (
        f"the country's {figures.CAMERAS:,} planned cameras need {figures.CAMERAS / rate:.2g} of such a core"
        if rate >= figures.CAMERAS
        else f"the country's {figures.CAMERAS:,} planned cameras need {figures.CAMERAS / rate:.1f} such cores"
    )
    return [
        (
            f'<p class="lead">One core of this machine compares <strong>{rounded(rate)} reads a second</strong> with '
            f"a list of {CITY:,} wanted plates, finds every plate within two errors, and says how probable each match "
            f"is. If each camera reads one plate a second, {enough}.</p>"
        ),
        figure(
            drawings["cameras"],
            "Longer is better; each step along the axis is ten times more. A camera by a busy road reads a plate a "
            "second at most. The upper bars are matching alone. The whole service also takes each read in by HTTP "
            "and keeps hits on disk before it acknowledges; it ran beside the programs that sent the reads and "
            "received the notifications.",
        ),
    ]


def _sizes(record: Record, drawings: dict[str, str]) -> list[str]:
    shown = [(k, drawings[f"by_size_{k}"]) for k in (1, 2) if f"by_size_{k}" in drawings]
    if not shown:
        return []
    parts = ["<h2>Time per read, and how it grows with the list</h2>"]
    for k, drawing in shown:
        floor = (
            " The floor is the time that this machine needs only to fetch the memory that such a look-up cannot avoid."
            if k == 1 and record.results("floor")
            else ""
        )
        parts.append(
            figure(
                drawing,
                f"Lower is better; each step up is ten times slower. Plates with {_edits(k)} are looked for. A "
                f"dotted line is of something that does not find the same plates.{floor}",
            )
        )
    rows = []
    for k in range(4):
        results = sorted(record.results("lookup", view="by size", k=k), key=lambda r: r.parameters["entries"])
        exponent = figures.growth(record, k)
        if results and exponent is not None:
            first, last = results[0], results[-1]
            rows.append(
                row(
                    _edits(k).removeprefix("up to "),
                    f"{duration(first.value.median)}<small>{first.parameters['entries']:,} plates</small>",
                    f"{duration(last.value.median)}<small>{last.parameters['entries']:,} plates</small>",
                    f"× {10**exponent:.1f}",
                )
            )
    if rows:
        parts += [
            table(["Allowed errors", "Shortest list", "Longest list", "For each tenfold list"], rows),
            (
                '<p class="quiet">The last column is a straight line laid through all sizes in the plot: comparing '
                "every plate would cost × 10. Longer lists also hold more plates that are near a read, and those are "
                "to be found.</p>"
            ),
        ]
    return parts


def _peers(record: Record) -> list[str]:
    lines = figures.peers(record)
    if not lines:
        return []
    settings = {line.name: line.note for line in lines}
    groups: dict[tuple[int, int], list[Result]] = {}
    for line in lines:
        groups.setdefault((int(line.parameters["k"]), int(line.parameters["entries"])), []).append(line)
    # One error and two, on the size that most were measured at, are shown at once, the others on request.
    sizes = [entries for _, entries in groups]
    main = max(sizes, key=lambda size: (sum(len(g) for (_, entries), g in groups.items() if entries == size), size))
    shown: list[str] = []
    more: list[str] = []
    for (k, entries), group in groups.items():
        (shown if entries == main and k in (1, 2) else more).extend(_peer_table(k, entries, group))
    how = "".join(f"<li><strong>{escape(name)}</strong>: {escape(text)}</li>" for name, text in settings.items())
    explained = (
        "<p>How many times as long as platewatch each of them takes, on the same list and the same reads, in turn, "
        "round after round. <em>Batch</em>: platewatch is given many reads in one call. <em>Call</em>: it is given one "
        "read a call, and works out probabilities too. What does not find the same matches gets no ratio.</p>"
    )
    return [
        "<h2>Beside what one would use instead</h2>",
        explained,
        *shown,
        f"<details><summary>Other lists, and other numbers of errors</summary>{''.join(more)}</details>"
        if more
        else "",
        f"<details><summary>How they were run</summary><ul>{how}</ul></details>",
    ]


def _peer_table(k: int, entries: int, lines: Iterable[Result]) -> list[str]:
    rows = []
    for line in lines:
        batch = line.ratios.get("platewatch, one batch")
        call = line.ratios.get("platewatch, one call a read")
        ratios = [_times(batch), _times(call)] if batch is not None and call is not None else ["–", "–"]
        rows.append(row(f"{escape(line.name)}<small>{escape(_finds(line))}</small>", _duration(line), *ratios))
    heads = ["", "Time per read", "× batch", "× call"]
    return [f"<h3>{_edits(k).capitalize()}, {entries:,} plates</h3>", table(heads, rows)]


def _memory(record: Record, drawings: dict[str, str]) -> list[str]:
    if "memory" not in drawings:
        return []
    none = [name for name, value in figures.memory(record) if value <= figures.NEGLIGIBLE]
    nothing = f" Not shown, as they hold nothing in memory but the plates: {escape(', '.join(none))}." if none else ""
    return [
        "<h2>Memory</h2>",
        figure(
            drawings["memory"],
            "Shorter is better: what a process grows by for each plate of the list, ready to look for two errors; each "
            "step along the axis is ten times more. <em>All of it</em> is the list, with everything that is known of "
            f"an entry, and the index.{nothing}",
        ),
    ]


def _accuracy(record: Record, drawings: dict[str, str]) -> list[str]:
    accuracy = record.accuracy()
    if accuracy is None:
        return []
    error = accuracy.calibration.error.value
    calibration = (
        ""
        if error is None
        else f" On average, what a match says and what comes true differ by {100 * error:.1f} points of a hundred."
    )
    return [
        "<h2>What is found, and who is alarmed for nothing</h2>",
        (
            f"<p>{accuracy.reads:,} reads of real recognisers on {accuracy.plates:,} rendered plates, many of them "
            f"wrong somewhere, against lists of {accuracy.settings.hotlist_size:,} plates. "
            f"Model: {escape(accuracy.model)}.</p>"
        ),
        figure(
            drawings["recall"],
            "Higher is better, further left is better. A rule such as “within 1 edit” is one point; the model's "
            "probability can be cut anywhere along its line.",
        ),
        figure(
            drawings["reliability"],
            f"On the dashed line, probabilities come true.{calibration}",
        ),
    ]


def _latency(record: Record, drawings: dict[str, str]) -> list[str]:
    if "latency" not in drawings:
        return []
    results = record.results("service", view="latency")
    rate = results[0].parameters["reads_a_second"]
    rows = [
        row(
            escape(r.name),
            duration(1e6 * r.value.median),
            *(duration(1e6 * r.quantiles[q]) for q in ("0.99", "1.0") if q in r.quantiles),
            f"{r.count:,}",
        )
        for r in results
    ]
    return [
        "<h2>From the camera to the police</h2>",
        figure(
            drawings["latency"],
            f"Further left is better. {rate:g} reads a second come in, one a request. A read is acknowledged once its "
            "hits are safe on disk; the notification is received by a stand-in for the police on this same machine.",
        ),
        table(["", "Half within", "99 of 100 within", "All within", "Number"], rows),
    ]


_DETAILS = {
    ("lookup", "cold and warm"): "Cold caches and warm ones",
    ("lookup", "hits and misses"): "Hits and misses",
    ("lookup", "by plates"): "Kinds of plates",
    ("lookup", "by index"): "Kinds of index",
    ("lookup", "by call"): "One call for all reads, or one a read",
    ("lookup", "by input"): "Kinds of input",
    ("scoring", ""): "What a probability costs",
    ("scoring", "passes"): "Several frames of one vehicle",
    ("patterns", "one"): "One match of a pattern",
    ("patterns", "among plates"): "A pattern among plates",
    ("patterns", "loose"): "Thousands of patterns that match one read",
    ("join", ""): "How long from two lists to all pairs",
    ("threads", ""): "Threads",
    ("kernels", ""): "Instruction sets",
    ("build", "build"): "Building",
    ("build", "snapshot"): "Saving and opening a snapshot",
    ("build", "change"): "Changing the list",
    ("service", "throughput"): "The whole service at full speed",
    ("floor", ""): "The machine's floor",
}


def _details(record: Record) -> list[str]:
    parts = []
    for (question, view), title in _DETAILS.items():
        results = [r for r in record.results(question) if r.parameters.get("view", "") == view]
        if results:
            parts += [f"<h3>{title}</h3>", _lines(results)]
    return ["<h2>In detail</h2>", *parts] if parts else []


def _lines(results: Iterable[Result]) -> str:
    rows = []
    for r in results:
        what = ", ".join(
            f"{name.replace('_', ' ')} {value:,}" if isinstance(value, int) else f"{name.replace('_', ' ')} {value}"
            for name, value in r.parameters.items()
            if name not in ("view", "reads_a_request")
        )
        ratio = "<br>".join(f"× {times(s.median)}<small>{escape(name)}</small>" for name, s in r.ratios.items())
        name = escape(r.name) + f"<small>{escape(what)}</small>"
        note = f"<small>{escape(r.note)}</small>" if r.note else ""
        rows.append(row(name, _duration(r) + note, ratio))
    return table(["", "Median; half of the rounds between", "Beside"], rows)


def _left_out(record: Record) -> list[str]:
    reasons: dict[str, list[str]] = {}
    for outcome in record.outcomes:
        if outcome.left_out:
            reasons.setdefault(outcome.left_out, []).append(outcome.benchmark)
    if not reasons:
        return []
    items = "".join(
        f"<li>{escape(reason)} <small>({len(names)} benchmark{'s' if len(names) > 1 else ''})</small></li>"
        for reason, names in reasons.items()
    )
    return ["<h2>What was left out</h2>", f"<ul>{items}</ul>"]


def _machine(record: Record) -> list[str]:
    m = record.machine
    facts = {
        "Processor": f"{m.processor}, {m.cores} cores in use, last-level cache {m.cache_mib:g} MiB",
        "Memory": f"{m.memory_gib:g} GiB",
        "System": f"{m.system}, {m.libc}",
        "Compiler of the core": m.compiler,
        "Kernel of the matcher": f"{m.kernel} (of {', '.join(m.kernels)})",
        "Python": m.python,
        "Libraries": ", ".join(f"{name} {version}" for name, version in m.versions.items()),
    }
    rows = [row(escape(name), escape(value)) for name, value in facts.items()]
    method = (
        "<li>Every benchmark checks the number of its results in every round, and before that a sample of reads "
        "against every plate of the list.</li>"
        "<li>What is compared runs in turn, round after round, so that whatever disturbs the machine disturbs all "
        "alike. A ratio is the median over the rounds of the ratio of two neighbours.</li>"
        "<li>Lists and reads are random but the same on every machine. Unless it says otherwise, plates are Korean, "
        "and one read in a hundred is of a listed plate.</li>"
        "<li>Take the ratios rather than the absolute times: these are of this machine, on this day.</li>"
    )
    return ["<h2>How this was measured</h2>", f"<ul>{method}</ul>", table(["", ""], rows)]


def _duration(result: Result) -> str:
    """The median and the middle half, in the unit that suits it."""
    v = result.value
    scale = {"ns": 1.0, "µs": 1e3, "ms": 1e6, "s": 1e9}.get(result.unit)
    if scale is None:
        middle = f"<small>{v.low:,.0f}–{v.high:,.0f}</small>" if v.rounds > 1 else ""
        return f"{v.median:,.0f} {escape(result.unit)}{middle}"
    middle = f"<small>{_range(duration(scale * v.low), duration(scale * v.high))}</small>" if v.rounds > 1 else ""
    return duration(scale * v.median).replace(" ", "&nbsp;") + middle


def _range(low: str, high: str) -> str:
    """`223-227 µs`: what both have in common once; short, as a telephone is narrow."""
    number, _, unit = low.partition(" ")
    return f"{number if high.endswith(f' {unit}') else low}–{high}".replace(" ", "&nbsp;")


def _times(ratio: Spread) -> str:
    return f"{times(ratio.median)}<small>{times(ratio.low)}–{times(ratio.high)}</small>"


def _finds(line: Result) -> str:
    return f"finds {line.checked.partition(' of ')[0]}" if line.ratios else line.checked


def _edits(k: int) -> str:
    return ("no error", "up to one error", "up to two errors", "up to three errors")[k]
