"""What the results of a record come to, for the page, the README and the tests alike."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from . import measure
from .record import Record, Result
from .workloads import CITY

CAMERAS = 510_000
"""That Korea's plan counts. Each is taken to read one plate a second at most."""

NEGLIGIBLE = 20.0
"""Bytes an entry: as much as a list of references to texts takes that are there anyway."""

INDEX, ALL = "platewatch, the index", "platewatch, all of it"


def curve(results: Iterable[Result]) -> list[tuple[float, float]]:
    """(entries, median), ascending."""
    return sorted((float(r.parameters["entries"]), r.value.median) for r in results)


def growth(record: Record, k: int) -> float | None:
    """The exponent of time per read against list size; None from fewer than three sizes."""
    points = curve(record.results("lookup", view="by size", k=k))
    return measure.growth(*zip(*points, strict=True)) if len(points) >= 3 else None


def cameras(record: Record) -> dict[str, float]:
    """How many reads a second there are time for, with the list of the police, by what does the work."""
    rates = {}
    for k in (1, 2):
        for result in record.results("scoring", view="cameras", k=k, entries=CITY):
            rates[f"{result.name}, {k} edit{'s' if k > 1 else ''}"] = 1e9 / result.value.median
    service = [r.value.median for r in record.results("service", view="throughput")]
    if service:
        rates["whole service, by HTTP"] = max(service)
    return rates


def summary(record: Record) -> list[str]:
    """What a run comes to, in some lines: the growth with the list, and what there is time for."""
    lines = []
    for k in range(4):
        exponent = growth(record, k)
        if exponent is not None:
            lines.append(
                f"k={k}: time grows as entries^{exponent:.2f}: × {10**exponent:.1f} for a list ten times as long"
            )
    lines += [f"{name}: {rounded(rate)} reads a second" for name, rate in cameras(record).items()]
    return lines


def memory(record: Record) -> list[tuple[str, float]]:
    """(whose, bytes an entry), ascending, at the list size that most were measured at: of the index alone, of all that
    platewatch knows of the entries, and of peers, with room for up to two edits."""
    results = [r for r in record.results("memory") if "peer" in r.parameters]
    sizes = [int(r.parameters["entries"]) for r in results]
    if not sizes:
        return []
    size = max(set(sizes), key=lambda s: (sizes.count(s), s))
    bars = {}
    for result in record.results("memory", entries=size):
        if "peer" not in result.parameters:
            bars[INDEX] = result.value.median
    for result in sorted(results, key=lambda r: r.parameters["k"]):
        if result.parameters["entries"] == size:
            bars[ALL if result.name == "platewatch" else result.name] = result.value.median
    return sorted(bars.items(), key=lambda bar: bar[1])


def peers(record: Record) -> list[Result]:
    """The lines of peers, by k, list and time."""
    lines = [r for r in record.results("peers") if r.name == r.parameters["peer"]]
    return sorted(lines, key=lambda r: (r.parameters["k"], r.parameters["entries"], r.value.median))


def at_the_end(points: Mapping[int, float]) -> float:
    """The time at 100,000 plates, as a line goes on as it ends: what orders lines of different lengths."""
    last = max(points)
    return points[last] * min(1.0, 100_000 / last)


def duration(nanoseconds: float) -> str:
    """`59 ns`, `1.4 µs`, `68 ms`: two or three digits."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if nanoseconds >= 0.9995 * size:
            return f"{_digits(nanoseconds / size)} {unit}"
    return f"{_digits(nanoseconds)} ns"


def rounded(number: float) -> str:
    """Two digits of a large number: `8.5 million`, `510,000`, `1,400`; more would promise too much."""
    if number >= 1e6:
        return f"{_digits(_two(number) / 1e6)} million"
    return f"{_two(number):,.0f}"


def times(ratio: float) -> str:
    """`2.3`, `70`, `1,200`: how many times, in two digits."""
    return f"{_two(ratio):,.0f}" if ratio >= 10 else f"{ratio:.1f}"


def _two(number: float) -> float:
    return float(f"{number:.2g}")


def _digits(number: float) -> str:
    if number <= 0:
        return "0"
    return f"{number:.{max(0, 1 - math.floor(math.log10(number)))}f}" if number < 100 else f"{number:,.0f}"
