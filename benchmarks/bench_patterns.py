"""What patterns cost, whatever their form: one match of one, one among plates, thousands that match one read."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterable
from functools import cache

import pytest

import platewatch as pw

from . import workloads
from .conftest import Bench
from .measure import Timed

QUESTION = "patterns"

# Each with a read that fits. `*` alone is refused, and `*1????6*` and its like keep the most ways open.
FORMS = {
    "*345*": "12가3456",
    "12가34??": "12가3456",
    "?2가3456": "12가3456",
    "*1????6*": "123가4667",
    "*1?????6*": "123가4667",
    "*a*b*c*d*": "AB12CDE",
    "[가거]*": "거123456",
    "?*": "12가3456",
}
_ROWS, _READS = 100, 10  # rows of one pattern: so that the read's own cost does not count
_PLATES = 2_000
_LOOSE = 10_000
_INSTEAD = "regular expression over the read's neighbours, those that fit scored"


@pytest.mark.parametrize("form", FORMS)
def test_one(bench: Bench, form: str) -> None:
    read = FORMS[form]
    matcher = pw.Matcher(_rows([form] * _ROWS))
    expression = _expression(form)
    timed = {
        "one match, with its probability": _matching(matcher, [read] * _READS, _ROWS),
        "one match, without": _matching(matcher, [read] * _READS, _ROWS, score=False),
        _INSTEAD: Timed(lambda: sum(_fitting([expression], read) for _ in range(_READS)), _READS, expected=_READS),
    }
    bench.measure(timed, checked="every row matches", view="one", form=form)


@pytest.mark.parametrize("k", [0, 2])
def test_among_plates(bench: Bench, k: int) -> None:
    """Reads against a short list, and what one loose row adds to it: within two edits, it matches nearly every read."""
    plates = workloads.plates_listed("korean", _PLATES).tolist()
    reads = workloads.reads("korean", _PLATES, 5_000)
    expression = _expression("*345*")
    alone = pw.Matcher(pw.Hotlist.from_plates(plates), max_edits=k)
    both = pw.Matcher(_rows([*plates, "*345*"]), max_edits=k)
    found = len(alone.match_batch(reads))
    fitting = len(both.match_batch(reads)) - found

    def by_expression() -> int:
        matches = len(alone.match_batch(reads))
        return matches + sum(_fitting([expression], read) for read in reads if expression.fullmatch(read))

    timed = {
        "plates alone": Timed(lambda: len(alone.match_batch(reads)), len(reads), expected=found),
        "and one row *345*": Timed(lambda: len(both.match_batch(reads)), len(reads), expected=found + fitting),
    }
    if k == 0:  # an expression tells nothing of reads that nearly fit
        timed[f"and a {_INSTEAD}"] = Timed(by_expression, len(reads), expected=found + fitting)
    notes = {"and one row *345*": f"{fitting:,} of {len(reads):,} reads match the row"}
    bench.measure(timed, checked="equal for all", notes=notes, view="among plates", k=k, entries=_PLATES)


def test_loose(bench: Bench) -> None:
    """Thousands of rows that all match one read."""
    read = "123가4667"
    patterns = _loose(read, _LOOSE)
    matcher = pw.Matcher(_rows(patterns))
    expressions = [_expression(pattern) for pattern in patterns]
    timed = {
        "all rows, with their probabilities": _matching(matcher, [read], _LOOSE),
        "all rows, without": _matching(matcher, [read], _LOOSE, score=False),
        _INSTEAD: Timed(lambda: _fitting(expressions, read), _LOOSE, expected=_LOOSE),
    }
    bench.measure(timed, checked="every row matches", view="loose", rows=_LOOSE)


def _rows(patterns: Iterable[str]) -> pw.Hotlist:
    return pw.Hotlist(pw.Entry(id=f"P{i}", plate=pattern) for i, pattern in enumerate(patterns))


def _matching(matcher: pw.Matcher, reads: list[str], rows: int, *, score: bool = True) -> Timed:
    count = len(reads) * rows
    return Timed(lambda: len(matcher.match_batch(reads, max_edits=0, score=score)), count, expected=count)


def _expression(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern.upper().replace("*", ".*").replace("?", "."))


def _fitting(expressions: Iterable[re.Pattern[str]], read: str) -> int:
    """How many of the patterns are probable at all, by the sum of P(read | plate) over the plates that fit: of the read
    and of those with one symbol of the same sort in place of its own. They are far fewer than may be meant."""
    scoring = pw.ChannelModel.default().scoring
    likelihood = cache(lambda plate: math.exp(scoring.log_likelihood(read, plate)))
    plates = {read}
    for place, symbol in enumerate(read):
        others = "0123456789" if symbol.isdecimal() else workloads.SYLLABLES if symbol > "Z" else workloads.LETTERS
        plates.update(read[:place] + other + read[place + 1 :] for other in others)
    return sum(sum(map(likelihood, filter(expression.fullmatch, plates))) > 0 for expression in expressions)


def _loose(read: str, count: int) -> list[str]:
    """So many different patterns that admit a read, with a run at either end."""
    chosen = random.Random(3)
    patterns: dict[str, None] = {}
    while len(patterns) < count:
        own = (chosen.choice([c, "?", f"[{c}9]", "*"]) for c in read)
        patterns[re.sub(r"\*+", "*", f"*{''.join(own)}*")] = None
    return list(patterns)
