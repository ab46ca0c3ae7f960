"""An evaluation as a page that can be read without knowing how matching works."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from html import escape
from pathlib import Path

from platewatch.evaluation import plots
from platewatch.evaluation.figures import Alarms, Interval
from platewatch.evaluation.learning import NAMES_OF_LEARNERS, learners
from platewatch.evaluation.page import figure, page, row, table
from platewatch.evaluation.results import CHECK, NOTIFY, Evaluation, View, alarmed_by, not_matched

_PLURAL = {"read": "reads", "pass": "passes"}


def prepare(directory: Path) -> None:
    """Make the directory for `write` if missing. Raises PlatewatchError without matplotlib, and OSError."""
    plots.require()
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise _os_error(errno.ENOTDIR, directory) from None
    if not os.access(directory, os.W_OK | os.X_OK):
        raise _os_error(errno.EACCES, directory)


def _os_error(number: int, path: Path) -> OSError:
    return OSError(number, os.strerror(number), str(path))


def write(evaluation: Evaluation, directory: Path) -> list[Path]:
    """Write report.html, which needs no other file, the plots as PNG and SVG, and result.json; returns their paths.

    Raises as `prepare` does, which it calls.
    """
    prepare(directory)
    figures = {f"recall_by_{view.unit}": plots.recall(view) for view in evaluation.views}
    figures["reliability"] = plots.reliability(evaluation)
    if len(evaluation.learnt) > 1:
        figures["learning"] = plots.learning(evaluation)
    written = []
    drawings = {}
    for name, plot in figures.items():
        drawings[name] = plots.svg(plot)
        (directory / f"{name}.svg").write_text(drawings[name], encoding="utf-8")
        plots.write_png(plot, directory / f"{name}.png")
        written += [directory / f"{name}.svg", directory / f"{name}.png"]
    (directory / "report.html").write_text(html(evaluation, drawings), encoding="utf-8")
    evaluation.save(directory / "result.json")
    return [directory / "report.html", directory / "result.json", *written]


def html(evaluation: Evaluation, drawings: dict[str, str]) -> str:
    """The page, with the plots drawn in it; `drawings` has the SVG documents by name."""
    parts = [
        "<h1>Finding wanted vehicles in these reads</h1>",
        _sample(evaluation),
        _lead(evaluation),
        "<h2>A day's alarms, and how many of them are right</h2>",
        _traffic_text(evaluation),
    ]
    for view in evaluation.views:
        if view.unit != "read":
            parts += [
                "<h2>The same, pass by pass</h2>",
                f"<p>A pass is all reads of one vehicle going by one camera. A day then has {_day(view)}.</p>",
            ]
        parts.append(_alarms_table(view))
    parts.append(_precision_note(evaluation))
    for view in evaluation.views:
        units = _PLURAL[view.unit]
        parts += [
            f"<h2>What is found, and who is alarmed for nothing{'' if view.unit == 'read' else ', pass by pass'}</h2>",
            _rules_table(view),
            figure(
                drawings[f"recall_by_{view.unit}"],
                f"Higher is better, further left is better. The line is what the model's probability can do, one "
                f"threshold a point. The axis is stretched to the left: each step is ten times fewer innocent {units}.",
            ),
        ]
    parts += [
        "<h2>Can the probability be believed?</h2>",
        _calibration_text(evaluation),
        figure(
            drawings["reliability"],
            "Each point is a tenth of the matches of real traffic, the bar its 95 % interval. On the dashed line, "
            "probabilities come true; above it, matches are right more often than they say. Points at the lower edge "
            "may be below it.",
        ),
        *_confidences(evaluation),
        *_learning(evaluation, drawings),
        "<h2>How this was measured</h2>",
        _method(evaluation),
    ]
    return page("platewatch evaluation", parts)


def _sample(evaluation: Evaluation) -> str:
    settings = evaluation.settings
    counts = f"<br>{escape(text)}" if (text := not_matched(evaluation)) else ""
    return (
        f'<p class="quiet">{evaluation.reads:,} reads of {evaluation.plates:,} plates, matched with '
        f"{settings.draws:,} lists of {settings.hotlist_size:,} wanted plates, up to {settings.max_edits} differing "
        f"symbols. Model: {escape(evaluation.model)}.{counts}</p>"
    )


def _lead(evaluation: Evaluation) -> str:
    """What the policy's grades come to, counted by pass, as the service judges, if that was asked for."""
    view = evaluation.views[-1]
    units = _PLURAL[view.unit]
    model = view.models[-1]
    notify, check = model.by_grade[NOTIFY], model.by_grade[CHECK]
    exact = next(rule for rule in view.rules if rule.name == "exact")
    right = notify.alarms.precision
    share = "" if right.value is None else f": {_percent(right)} of these alarms are right{_range(right)}"
    return (
        f'<p class="lead">A day has {_day(view)}. The model notifies of {_count(notify.alarms.total.value)}{share}. '
        f"It finds {_percent(notify.recall)} of the {units} of wanted vehicles so, and another "
        f"{_percent(check.recall)} by {_count(check.alarms.total.value)} pictures to look at, of which "
        f"{_percent(check.alarms.precision)} show one. Looking plates up exactly finds {_percent(exact.recall)}.</p>"
    )


def _day(view: View) -> str:
    day = view.traffic
    units = _PLURAL[view.unit]
    return f"{_count(day.wanted + day.innocent)} {units}, of which {_count(day.wanted)} are of wanted vehicles"


def _range(share: Interval) -> str:
    if share.low is None or share.high is None:
        return ""
    return f" ({100 * share.low:.0f} to {100 * share.high:.0f})"


def _rules_table(view: View) -> str:
    units = _PLURAL[view.unit]
    rows = [
        row(
            f"{escape(rule.name)}<small>{escape(rule.explanation)}</small>",
            _with_interval(rule.recall),
            _share_and_one_in(rule.alarmed),
        )
        for rule in view.rules
    ]
    for model in view.models:
        rows += [
            row(
                f"{escape(model.name)}, {point.target}<small>threshold: above {point.threshold:.2g}</small>",
                _with_interval(point.recall),
                _share_and_one_in(point.alarmed_as_told),
                strong=True,
            )
            for point in model.at_alarm_rates
        ]
    return table(["An alarm is raised by", f"Wanted {units} found", f"Innocent {units} alarmed"], rows)


def _traffic_text(evaluation: Evaluation) -> str:
    settings = evaluation.settings
    assumed = (
        f"if those of a list of {settings.hotlist_size:,} drive as much as the others of {settings.vehicles:,} vehicles"
        if settings.wanted_per_day is None
        else "as was said"
    )
    return (
        f"<p>In a city with {_day(evaluation.views[0])}, {assumed}, and with cameras and weather as in this sample. "
        f"<em>Notify</em>: a patrol may be sent, from a probability of {settings.notify:g} on. <em>Check</em>: a "
        f"person looks at the picture first, from {settings.check:g} on, and where the read is the listed plate.</p>"
    )


def _alarms_table(view: View) -> str:
    rows = []
    for method in alarmed_by(view):
        for name, alarms, recall in method.points:
            rows.append(
                row(
                    escape(f"{method.model}, {name}" if method.model else name),
                    _count(alarms.total.value),
                    _wrong(alarms),
                    _with_interval(alarms.precision),
                    _with_interval(recall),
                    strong=name in (NOTIFY, CHECK),
                )
            )
    units = _PLURAL[view.unit]
    heads = ["An alarm is raised by", "Alarms a day", "Of them wrong", "Share that is right", f"Wanted {units} found"]
    return table(heads, rows)


def _wrong(alarms: Alarms) -> str:
    most = alarms.wrong.high
    return _count(alarms.wrong.value) + ("" if most is None else f"<small>up to {_count(most)}</small>")


def _precision_note(evaluation: Evaluation) -> str:
    none = [
        point.threshold for point in evaluation.views[0].models[-1].at_thresholds if not (point.alarmed.value or 0.0)
    ]
    if not none:
        return ""
    return (
        f'<p class="quiet">From p = {none[0]:g} on, no innocent read of this sample raised an alarm. That does not '
        f"make it none in a city: reads of {evaluation.plates:,} plates cannot show what happens once in a million, "
        f'and "up to" says what may hide behind none.</p>'
    )


def _calibration_text(evaluation: Evaluation) -> str:
    c = evaluation.calibration
    if c.error.value is None:
        return f"<p>No match had a probability of {c.floor:g} or more: there is nothing to believe.</p>"
    bounds = ""
    if c.error.low is not None and c.error.high is not None:
        bounds = f" (95 % interval {100 * c.error.low:.1f} to {100 * c.error.high:.1f})"
    ratio = c.log_loss_ratio.value
    text = (
        f"<p>Of matches that say 30 %, three in ten should be right. On average over the matches of real traffic that "
        f"say {100 * c.floor:g} % or more, what they say and what comes true differ by "
        f"<strong>{100 * c.error.value:.1f} points</strong>{bounds}: the expected calibration error.</p>"
    )
    if ratio is not None and c.log_loss.value is not None:
        text += (
            f"<p>A model that always said the same would be honest too, and useless. The log-loss tells them apart: "
            f"{c.log_loss.value:.2g} nats a match, against {c.base_rate_log_loss:.2g} for always saying the base rate "
            f"of {100 * c.base_rate:.2g} %, and {c.zero_log_loss:.2g} for always saying 0: the model's is "
            f"{100 * ratio:.0f} % of the base rate's.</p>"
        )
    return text


def _confidences(evaluation: Evaluation) -> Iterator[str]:
    """What confidences and alternatives are worth, if engines were left out."""
    if not evaluation.confidences:
        return
    yield "<h2>What confidences are worth</h2>"
    yield (
        "<p>Of each engine, judged by a model of the others: the log-loss with what it says of its characters, "
        "confidences and alternatives, and with its texts alone. Above 100 % they would hurt.</p>"
    )
    rows = [
        row(
            escape(one.engine or "unnamed"),
            f"{one.reads:,}",
            *("–" if loss.value is None else f"{loss.value:.2g}" for loss in (one.log_loss, one.without)),
            _with_interval(one.ratio),
        )
        for one in evaluation.confidences
    ]
    yield table(["Engine left out", "Reads", "With, nats a match", "Without", "With, of without"], rows)


def _learning(evaluation: Evaluation, drawings: dict[str, str]) -> Iterator[str]:
    """What the model becomes by unlabelled reads, if that was asked for and there are any."""
    if len(evaluation.learnt) < 2:
        return
    yield "<h2>What it learns by itself</h2>"
    yield (
        "<p>A service learns its cameras from the reads that flow, though nobody says what the plates were. Here each "
        "model has learnt of so many of these very reads, without their true plates, and is then judged on all of "
        "them. So it has seen, but not been told, what it is asked.</p>"
    )
    heads = ["Unlabelled reads", "≤ 0.1 % alarmed", "≤ 0.03 % alarmed", "p ≥ 0.5", "p ≥ 0.9"]
    for unit, model in learners(evaluation):
        by_read = unit == "read"
        rows = []
        for learnt in evaluation.learnt:
            (rates,) = (rates for rates in learnt.rates if (rates.unit, rates.name) == (unit, model))
            half, sure = rates.at_thresholds
            cells = [_with_interval(point.recall) for point in reversed(rates.at_alarm_rates)]
            alarmed = half.alarmed.value
            innocents = "" if alarmed is None else f"<small>{100 * alarmed:.2g} % of innocents</small>"
            cells += [_percent(half.recall) + innocents, _with_interval(sure.recall)]
            if by_read:
                cells += [_percent(learnt.calibration_error), _percent(learnt.log_loss_ratio)]
            rows.append(row(f"{learnt.reads:,}", *cells))
        yield f"<p>Wanted {_PLURAL[unit]} found, {NAMES_OF_LEARNERS[unit, model]}:</p>"
        yield table([*heads, *(["Calibration error", "Log-loss, of the base rate's"] if by_read else [])], rows)
    yield figure(drawings["learning"], "Wanted reads that are found, the more unlabelled reads were learnt of.")


def _method(evaluation: Evaluation) -> str:
    s = evaluation.settings
    items = (
        (
            f"Each list holds {evaluation.listed_plates:,} of the sample's {evaluation.plates:,} plates, drawn at "
            f"random, and random plates up to {s.hotlist_size:,}: of the classes of the population "
            f"({escape(evaluation.population)}), as many of each as it has vehicles. Reads of the drawn plates are "
            "wanted, all others innocent. So lists, reads and population should be of one mix."
        ),
        (
            "A wanted read is found if the match with its own plate raises the alarm; an innocent one is alarmed if "
            "any match does. Reads in which no plate can be read count too: they are never found."
        ),
        (
            f"Intervals hold 95 % of {s.replicates:,} samples of plates drawn from these with replacement: plates, not "
            "reads, as reads of one plate fail together. A share of none, or of all, is told by the exact interval of "
            "so many plates: none of 300 may be up to one in a hundred. An upper end holds for all higher thresholds, "
            "too. At a given share of innocents alarmed, the threshold is chosen on these same reads."
        ),
        (
            f"Calibration weighs an innocent read as real traffic does: {s.vehicles:,} vehicles, {s.hotlist_size:,} of "
            "them listed, where in this sample about every second one is."
        ),
        f"Random seed {s.seed}: the same command gives the same figures.",
        *map(escape, evaluation.notes),
    )
    return "<ul>" + "".join(f"<li>{item}</li>" for item in items) + "</ul>"


def _with_interval(figure: Interval, digits: int = 1) -> str:
    if figure.value is None:
        return "–"
    shown = f"{100 * figure.value:.{digits}f} %"
    if figure.low is None or figure.high is None:
        return shown
    return f"{shown}<small>{100 * figure.low:.{digits}f} to {100 * figure.high:.{digits}f}</small>"


def _share_and_one_in(figure: Interval) -> str:
    if figure.value is None:
        return "–"
    shown = f"{100 * figure.value:.2g} %<small>{_one_in(figure.value)}</small>"
    return shown if figure.high is None else f"{shown}<small>up to {100 * figure.high:.2g} %</small>"


def _percent(figure: Interval) -> str:
    return "–" if figure.value is None else f"{100 * figure.value:.1f} %"


def _one_in(share: float) -> str:
    if not share:
        return "none here"
    one_in = 1 / share
    return "all" if one_in < 1.05 else f"one in {one_in:.1f}" if one_in < 10 else f"one in {_count(one_in)}"


def _count(number: float | None) -> str:
    """Two significant digits of a large number, one decimal of a small one: more would promise too much."""
    if number is None:
        return "–"
    if number >= 10:
        digits = len(str(int(number))) - 2
        return f"{round(number / 10**digits) * 10**digits:,}"
    return f"{number:.1f}"
