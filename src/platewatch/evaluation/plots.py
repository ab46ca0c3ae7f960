"""The figures of an evaluation. Matplotlib comes with the extra `evaluate` and is imported only here, when needed."""

from __future__ import annotations

import io
from contextlib import AbstractContextManager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from platewatch.errors import PlatewatchError
from platewatch.evaluation.results import Evaluation, View

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

# Inches at 72 units each in SVG: narrow, so that the text stays legible where a telephone shrinks it.
_SIZE = (5.4, 4.2)
_PIXELS_PER_INCH = 200
BLUE, ORANGE, GREY = "#1f5fa8", "#c8501e", "#555555"
_MODEL_COLOURS = (BLUE, "#138a72")
_LEAST_ALARMED = 1e-4  # where the axis begins; what is below stands at its edge
_LEAST_PROBABILITY = 5e-3


def require() -> None:
    """Raises PlatewatchError, which says how to install it, if there is no matplotlib."""
    if find_spec("matplotlib") is None:
        raise PlatewatchError('plots need matplotlib: pip install "platewatch[evaluate]"')


def write_png(figure: Figure, path: Path) -> None:
    """Write a figure as PNG. Raises OSError."""
    figure.savefig(path, dpi=_PIXELS_PER_INCH, metadata={"Software": None})


def svg(figure: Figure) -> str:
    """A figure as an SVG document, the same whenever it is drawn."""
    buffer = io.StringIO()
    with style():
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def recall(view: View) -> Figure:
    """Wanted found against innocents alarmed: a curve for each model, a point for each rule."""
    figure, axes = blank()
    for model, colour in zip(view.models, _MODEL_COLOURS, strict=False):
        shown = [
            (max(alarmed, _LEAST_ALARMED), found)
            for alarmed, found in zip(model.curve.alarmed, model.curve.recall, strict=True)
        ]
        if shown:
            axes.plot(*zip(*shown, strict=True), color=colour, linewidth=2, label=model.name, drawstyle="steps-post")
    for rule in view.rules:
        if rule.recall.value is None or rule.alarmed.value is None:
            continue
        x = max(rule.alarmed.value, _LEAST_ALARMED)
        axes.plot([x], [rule.recall.value], "o", color=ORANGE, markersize=7, clip_on=False, zorder=3)
        at_the_right = x > 0.03  # where there is no room beside the point but for the curve
        axes.annotate(
            rule.name,
            (x, rule.recall.value),
            xytext=(6, -18) if at_the_right else (9, -4),
            textcoords="offset points",
            ha="right" if at_the_right else "left",
            color=ORANGE,
        )
    axes.set_xscale("log")
    axes.set_xlim(_LEAST_ALARMED, 1)
    axes.set_ylim(_floor(view), 1)
    _percent(axes.xaxis, (1e-4, 1e-3, 1e-2, 1e-1, 1))
    axes.xaxis.set_major_formatter(lambda x, _: ("≤ " if x <= _LEAST_ALARMED else "") + f"{100 * x:g} %")
    axes.yaxis.set_major_formatter(lambda y, _: f"{100 * y:.0f} %")
    plural = {"read": "reads", "pass": "passes"}[view.unit]
    axes.set_xlabel(f"innocent {plural} that raise an alarm")
    axes.set_ylabel(f"{plural} of wanted vehicles found")
    axes.legend(loc="lower right", frameon=False)
    return figure


def reliability(evaluation: Evaluation) -> Figure:
    """What the matches said against what came true, each point as many matches of real traffic."""
    figure, axes = blank()
    axes.plot([_LEAST_PROBABILITY, 1], [_LEAST_PROBABILITY, 1], color=GREY, linewidth=1, linestyle="--")
    axes.annotate("as it says", (0.5, 0.5), xytext=(-8, 6), textcoords="offset points", ha="right", color=GREY)
    for b in evaluation.calibration.bins:
        value, low, high = b.observed.value, b.observed.low, b.observed.high
        if value is None:
            continue
        y = max(value, _LEAST_PROBABILITY)
        if low is not None and high is not None:
            axes.plot([b.predicted] * 2, [max(low, _LEAST_PROBABILITY), high], color=BLUE, linewidth=1.5)
        axes.plot([b.predicted], [y], "o", color=BLUE, markersize=6, clip_on=False)
    axes.set(xscale="log", yscale="log", xlim=(_LEAST_PROBABILITY, 1), ylim=(_LEAST_PROBABILITY, 1))
    for axis in (axes.xaxis, axes.yaxis):
        _percent(axis, (0.01, 0.03, 0.1, 0.3, 1))
    axes.set_xlabel("what the match said")
    axes.set_ylabel("how often it was right")
    return figure


def learning(evaluation: Evaluation) -> Figure:
    """Wanted reads found against the number of unlabelled reads that were learnt of."""
    figure, axes = blank()
    reads = [max(learnt.reads, 1) for learnt in evaluation.learnt]
    least = min(reads[1:]) / 3  # where none stands on the logarithmic axis
    places = [least, *reads[1:]]
    by_read = [learnt.rates[0] for learnt in evaluation.learnt]
    finer, coarser = zip(*(rates.at_alarm_rates for rates in by_read), strict=True)
    _, sure = zip(*(rates.at_thresholds for rates in by_read), strict=True)
    lines = {
        name: [point.recall for point in points]
        for name, points in (("≤ 0.1 % alarmed", coarser), ("≤ 0.03 % alarmed", finer), ("p ≥ 0.9", sure))
    }
    for (name, points), colour in zip(lines.items(), (*_MODEL_COLOURS, ORANGE), strict=True):
        values = [float("nan") if point.value is None else point.value for point in points]
        axes.plot(places, values, "o-", color=colour, linewidth=2, markersize=5, label=name)
    axes.set_xscale("log")
    _ticks(axes.xaxis, tuple(places))
    axes.xaxis.set_major_formatter(lambda x, _: "none" if x <= least else f"{x:,.0f}")
    axes.tick_params(axis="x", labelrotation=30)
    axes.yaxis.set_major_formatter(lambda y, _: f"{100 * y:.0f} %")
    axes.set_xlabel("unlabelled reads learnt of")
    axes.set_ylabel("reads of wanted vehicles found")
    axes.legend(loc="lower right", frameon=False)
    return figure


def style() -> AbstractContextManager[None]:
    """The looks that are in force when a figure is made, and when it is drawn."""
    import matplotlib

    return matplotlib.rc_context(
        # Text stays text, so that the page's font is used; names of parts do not change from run to run.
        {"svg.fonttype": "none", "svg.hashsalt": "platewatch", "font.size": 11.0, "font.family": "sans-serif"}
    )


def blank(size: tuple[float, float] = _SIZE) -> tuple[Figure, Axes]:
    """An empty figure of that many inches, and its axes."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.add_subplot()
        axes.grid(visible=True, color="#dddddd", linewidth=0.7)
        axes.set_axisbelow(True)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    return figure, axes


def _percent(axis: Axis, ticks: tuple[float, ...]) -> None:
    """Ticks at these shares, and no others."""
    _ticks(axis, ticks)
    axis.set_major_formatter(lambda value, _: f"{100 * value:g} %")


def _ticks(axis: Axis, places: tuple[float, ...]) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator

    axis.set_major_locator(FixedLocator(places))
    axis.set_minor_locator(NullLocator())


def _floor(view: View) -> float:
    """The bottom of the axis: below all rules, by a round number."""
    least = min((rule.recall.value for rule in view.rules if rule.recall.value is not None), default=0.0)
    return max(0.0, int(10 * least - 0.5) / 10)
