"""Where a read and a wanted plate or pattern differ, symbol by symbol."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from msgspec import Struct

from platewatch._core import normalize, region_mark, region_marks
from platewatch.matching.reads import Read

_UNKNOWN = "?"  # in a read; equals nothing, not even itself
_MARKS = frozenset(region_marks())
_MARK_SIZE = 2
_LEAST_BEHIND_MARK = 5  # symbols; with fewer, the two symbols in front of them are no mark


class Difference(Struct, frozen=True, kw_only=True):
    """One edit between a read and a wanted plate; positions count code points from 0, absent text is "".

    `insert`: the read has a symbol too many; `delete`: it lacks one; `region`: one of the two lacks the region mark,
    which is no edit. Of a pattern, `wanted` is what stands there in its canonical text: a symbol, `?` or a set; the
    `?` of a symbol that the read lacks may be one of those that `*` stands for.
    """

    op: Literal["substitute", "insert", "delete", "region"]
    read_position: int
    wanted_position: int
    read: str
    wanted: str


class _Token(NamedTuple):
    """A symbol, or a part of a pattern that admits one symbol or, `*`, any run of them."""

    text: str
    size: int  # code points of the canonical text: 0 for a symbol that a `*` has to stand for

    @property
    def is_run(self) -> bool:
        return self.text == "*"

    def admits(self, symbol: str) -> bool:
        if self.text in ("?", "*"):
            return True
        return symbol != _UNKNOWN and symbol in self.text.strip("[]")


class _Step(NamedTuple):
    """A column of an alignment: what stands side by side."""

    op: Literal["same", "substitute", "insert", "delete", "region"]
    read: str
    wanted: str
    wanted_size: int

    @property
    def is_edit(self) -> bool:
        return self.op not in ("same", "region")


def differences(read: str, wanted: str) -> tuple[Difference, ...]:
    """The edits of a cheapest alignment of two canonical texts, from left to right, by the contract of matching.

    `wanted` is a plate or a pattern, as Entry and Match have them.
    """
    found: list[Difference] = []
    i = j = 0
    for op, ours, theirs, size in _alignment(read, wanted):
        if op != "same":
            found.append(Difference(op=op, read_position=i, wanted_position=j, read=ours, wanted=theirs))
        i, j = i + len(ours), j + size
    return tuple(found)


def own_edits(read: Read, wanted: str, edits: int) -> int:
    """The edits between a read's own text and what it matches with `edits`, the least over all of its texts.

    What people are told of a hit goes by the text that they are shown; and only a read whose own text is the wanted
    plate is an exact one, not one that lists it among what it may be.
    """
    if not read.chars and not read.candidates:
        return edits
    return sum(step.is_edit for step in _alignment(normalize(read.text, read=True), wanted))


def columns(read: str, wanted: str) -> list[tuple[str, str, bool]]:
    """Read and wanted plate as columns of (symbol of the read, of the wanted plate, do they differ), "" for none.

    All that a pattern's `*` stands for is one column.
    """
    table: list[tuple[str, str, bool]] = []
    for op, ours, theirs, _ in _alignment(read, wanted):
        if op == "region":
            table += [(symbol, "", True) for symbol in ours]
            table += [("", token.text, True) for token in _tokens(theirs)]
        else:
            table.append((ours, theirs, op != "same"))
    return table


def _alignment(read: str, wanted: str) -> list[_Step]:
    tokens = _tokens(wanted)
    ways = [_align(read, tokens)]
    for size, rest in _bare_forms(tokens):
        mark = "".join(token.text for token in tokens[:size])
        ways.append([_Step("region", "", mark, len(mark)), *_align(read, rest)])
    if not _has_mark(tokens) and (mark := region_mark(read)):
        ways.append([_Step("region", mark, "", 0), *_align(read[len(mark) :], tokens)])
    return min(ways, key=lambda way: sum(step.is_edit for step in way))


def _tokens(wanted: str) -> list[_Token]:
    tokens: list[_Token] = []
    rest = iter(wanted)
    for symbol in rest:
        text = symbol
        while text[0] == "[" and text[-1] != "]":
            text += next(rest)
        tokens.append(_Token(text, len(text)))
    return tokens


def _align(read: str, tokens: Sequence[_Token]) -> list[_Step]:
    """A cheapest alignment."""
    # cost[i][j]: edits between read[i:] and tokens[j:], so that the way is told from the left.
    far = len(read) + len(tokens) + 1
    cost = [[far] * (len(tokens) + 1) for _ in range(len(read) + 1)]
    cost[len(read)][len(tokens)] = 0
    for i in range(len(read), -1, -1):
        for j in range(len(tokens), -1, -1):
            for _, to_i, to_j, edits in _moves(read, tokens, i, j):
                cost[i][j] = min(cost[i][j], cost[to_i][to_j] + edits)
    way: list[_Step] = []
    i = j = 0
    while i < len(read) or j < len(tokens):
        op, to_i, to_j = next(
            (op, to_i, to_j)
            for op, to_i, to_j, edits in _moves(read, tokens, i, j)
            if cost[i][j] == cost[to_i][to_j] + edits
        )
        if to_j == j and op == "same":  # a run takes all that it can
            while to_i < len(read) and cost[to_i][j] == cost[to_i + 1][j]:
                to_i += 1
            to_j = j + 1
        wanted = tokens[j] if to_j > j else _Token("", 0)
        way.append(_Step(op, read[i:to_i], wanted.text, wanted.size))
        i, j = to_i, to_j
    return way


def _moves(
    read: str, tokens: Sequence[_Token], i: int, j: int
) -> Iterator[tuple[Literal["same", "substitute", "insert", "delete"], int, int, int]]:
    """The ways to go on from a place: (operation, the place's two numbers, edits); of equals the first is told."""
    if j < len(tokens) and tokens[j].is_run:
        if i < len(read):
            yield "same", i + 1, j, 0
        yield "same", i, j + 1, 0
        return
    if i < len(read) and j < len(tokens):
        same = tokens[j].admits(read[i])
        yield "same" if same else "substitute", i + 1, j + 1, 0 if same else 1
    if i < len(read):
        yield "insert", i + 1, j, 1
    if j < len(tokens):
        yield "delete", i, j + 1, 1


# --------------------------------------------------------------- region marks


def _has_mark(tokens: Sequence[_Token]) -> bool:
    """Does every plate that the tokens admit have a mark?"""
    least = sum(not token.is_run for token in tokens)
    return least >= _MARK_SIZE + _LEAST_BEHIND_MARK and "".join(t.text for t in tokens[:_MARK_SIZE]) in _MARKS


def _bare_forms(tokens: Sequence[_Token]) -> Iterator[tuple[int, list[_Token]]]:
    """What is left of the admitted plates that have a mark: (tokens that the mark used up, the others)."""
    used = {place for mark in _MARKS for place in _places_behind(tokens, mark)}
    # A run at the beginning that takes the whole mark admits what is left of the plate anyway.
    for place in sorted(used - {0}):
        forms = [list(tokens[place:])]
        while forms and sum(not token.is_run for token in forms[0]) < _LEAST_BEHIND_MARK:
            forms = [
                [*form[:i], _Token("?", 0), *form[i:]] for form in forms for i, token in enumerate(form) if token.is_run
            ]
        for form in forms:
            yield place, form


def _places_behind(tokens: Sequence[_Token], text: str) -> set[int]:
    """Before which tokens one may stand once they have admitted a text."""
    places = {0}
    for symbol in text:
        reached: set[int] = set()
        for place in sorted(places):
            while place < len(tokens):
                token = tokens[place]
                if token.admits(symbol):
                    reached.add(place if token.is_run else place + 1)
                if not token.is_run:
                    break
                place += 1
        places = reached
    return places
