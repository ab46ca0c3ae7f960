"""The figures of a record, in the looks of `platewatch evaluate`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from platewatch.evaluation.plots import BLUE, GREY, ORANGE, blank, style

from . import figures
from .record import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PEER_COLOURS = ("#c8501e", "#138a72", "#8a3f9e", "#b8860b", "#d4518a", "#4f6d2f", "#7a5230", "#2c8fa8", "#777777")
_MARKERS = "osD^vPX*<>"


def cameras(record: Record) -> Figure | None:
    """Reads a second on this machine, against all cameras of Korea at one read a second each."""
    rates = figures.cameras(record)
    if not rates:
        return None
    names = list(rates)[::-1]
    figure, axes = blank((5.4, 1.2 + 0.5 * len(names)))
    axes.grid(visible=False, axis="y")
    axes.barh(names, [rates[name] for name in names], color=BLUE, height=0.6)
    axes.set_xscale("log")
    axes.set_xlim(1e3, max(2e7, 2 * max(rates.values())))
    for place, name in enumerate(names):
        axes.annotate(
            figures.rounded(rates[name]),
            (rates[name], place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            color=BLUE,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
        )
    axes.axvline(figures.CAMERAS, color=ORANGE, linewidth=1.5, linestyle="--")
    axes.set_title(f"- - all {figures.CAMERAS:,} cameras of Korea", color=ORANGE, fontsize=10, loc="right")
    axes.xaxis.set_major_formatter(lambda x, _: _short(x))
    axes.set_xlabel("cameras, at one read a second each")
    return figure


def by_size(record: Record, k: int) -> Figure | None:
    """Time per read against list size: platewatch, all peers, and the machine's floor."""
    own = figures.curve(record.results("lookup", view="by size", k=k))
    if len(own) < 2:
        return None
    everyone = sorted({r.name for r in figures.peers(record)})
    peers: defaultdict[str, dict[int, float]] = defaultdict(dict)
    for result in figures.peers(record):
        if result.parameters["k"] == k:
            peers[result.name][int(result.parameters["entries"])] = result.value.median
    figure, axes = blank((5.4, 4.4 + 0.2 * len(peers)))
    with style():
        # The legend goes from slow to fast, as the lines do from top to bottom.
        for name, points in sorted(peers.items(), key=lambda item: figures.at_the_end(item[1])):
            exact = all(r.ratios for r in record.results("peers", k=k, peer=name) if r.name == name)
            place = everyone.index(name)
            axes.plot(
                *zip(*sorted(points.items()), strict=True),
                color=_PEER_COLOURS[place % len(_PEER_COLOURS)],
                marker=_MARKERS[place % len(_MARKERS)],
                markersize=5,
                linewidth=1.2,
                linestyle="-" if exact else ":",
                label=name if exact else f"{name} (other matches)",
            )
        axes.plot(*zip(*own, strict=True), color=BLUE, linewidth=2.6, marker="o", markersize=5, label="platewatch")
        floor = figures.curve(r for r in record.results("floor", k=k) if r.name == "floor")
        if floor:
            axes.plot(
                *zip(*floor, strict=True), color=GREY, linewidth=1.5, linestyle="--", label="floor of the machine"
            )
        axes.set(xscale="log", yscale="log")
        axes.set_xlabel("plates on the list")
        axes.set_ylabel("time per read")
        axes.xaxis.set_major_formatter(lambda x, _: _short(x))
        axes.yaxis.set_major_formatter(lambda y, _: figures.duration(y).replace(".0 ", " "))
        handles, labels = axes.get_legend_handles_labels()
        ours = len(peers)
        handles, labels = [*handles[:ours][::-1], *handles[ours:]], [*labels[:ours][::-1], *labels[ours:]]
        figure.legend(handles, labels, loc="outside lower center", ncols=1, frameon=False, fontsize=9)
    return figure


def memory(record: Record) -> Figure | None:
    """Bytes an entry: what a process grows by."""
    bars = [bar for bar in figures.memory(record) if bar[1] > figures.NEGLIGIBLE]
    if not bars:
        return None
    names = [name for name, _ in bars][::-1]
    values = [value for _, value in bars][::-1]
    figure, axes = blank((5.4, 1.0 + 0.36 * len(names)))
    axes.grid(visible=False, axis="y")
    colours = [BLUE if name in (figures.INDEX, figures.ALL) else GREY for name in names]
    axes.barh(names, values, color=colours, height=0.65)
    for place, value in enumerate(values):
        axes.annotate(f"{value:,.0f}", (value, place), xytext=(4, 0), textcoords="offset points", va="center")
    axes.set_xscale("log")
    axes.set_xlim(10, 3 * max(values))
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.xaxis.set_major_formatter(lambda x, _: _short(x))
    axes.set_xlabel("bytes an entry")
    return figure


def latency(record: Record) -> Figure | None:
    """How many reads are done within a time, at a constant rate."""
    results = [r for r in record.results("service", view="latency") if r.quantiles]
    if not results:
        return None
    figure, axes = blank()
    for result, colour in zip(results, (BLUE, ORANGE), strict=False):
        shares, times = zip(*sorted((float(q), t) for q, t in result.quantiles.items()), strict=True)
        axes.plot(times, shares, color=colour, linewidth=2, marker="o", markersize=3, label=result.name)
        axes.annotate(
            f"half within {figures.duration(1e6 * result.value.median)}",
            (result.value.median, 0.5),
            xytext=(8, -4 if colour == BLUE else -16),
            textcoords="offset points",
            color=colour,
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda x, _: figures.duration(1e6 * x).replace(".0 ", " "))
    axes.xaxis.set_minor_formatter(_only(lambda x: figures.duration(1e6 * x).replace(".0 ", " "), (2, 5)))
    axes.yaxis.set_major_formatter(lambda y, _: f"{100 * y:.0f} %")
    axes.set_ylim(0, 1)
    axes.set_xlabel("time since the read was sent")
    axes.set_ylabel("done within this time")
    axes.legend(loc="lower right", frameon=False)
    return figure


def _short(number: float) -> str:
    """For ticks: 1k, 10k, 1M."""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:g}{unit}"
    return f"{number:g}"


def _only(shown: Callable[[float], str], leading: Iterable[int]) -> Callable[[float, float], str]:
    """A formatter that labels the ticks with these leading digits only."""
    return lambda x, _: shown(x) if x > 0 and int(f"{x:e}"[0]) in leading else ""
