"""Where a read and a wanted plate differ, symbol by symbol."""

from __future__ import annotations

from itertools import zip_longest
from typing import Literal

from msgspec import Struct

from platewatch._core import region_mark

_UNKNOWN = "?"  # equals nothing, not even itself


class Difference(Struct, frozen=True, kw_only=True):
    """One edit between a read and a wanted plate; positions count code points from 0, absent text is "".

    `insert`: the read has a symbol too many; `delete`: it lacks one; `region`: one of the two lacks the region mark,
    which is no edit.
    """

    op: Literal["substitute", "insert", "delete", "region"]
    read_position: int
    wanted_position: int
    read: str
    wanted: str


def differences(read: str, wanted: str) -> tuple[Difference, ...]:
    """The edits of a cheapest alignment of two canonical texts, from left to right, by the contract of matching."""
    ways = [_align(read, wanted, 0, 0)]
    if mark := region_mark(wanted):
        region = Difference(op="region", read_position=0, wanted_position=0, read="", wanted=mark)
        ways.append([region, *_align(read, wanted[len(mark) :], 0, len(mark))])
    elif mark := region_mark(read):
        region = Difference(op="region", read_position=0, wanted_position=0, read=mark, wanted="")
        ways.append([region, *_align(read[len(mark) :], wanted, len(mark), 0)])
    return tuple(min(ways, key=lambda way: sum(difference.op != "region" for difference in way)))


def columns(read: str, wanted: str) -> list[tuple[str, str, bool]]:
    """Read and wanted plate as columns of (symbol of the read, of the wanted plate, do they differ), "" for none."""
    table: list[tuple[str, str, bool]] = []
    i = j = 0
    for difference in differences(read, wanted):
        equal = difference.read_position - i
        table.extend((symbol, symbol, False) for symbol in read[i : i + equal])
        table.extend(
            (ours, theirs, True) for ours, theirs in zip_longest(difference.read, difference.wanted, fillvalue="")
        )
        i, j = i + equal + len(difference.read), j + equal + len(difference.wanted)
    table.extend((ours, theirs, False) for ours, theirs in zip(read[i:], wanted[j:], strict=True))
    return table


def _align(read: str, wanted: str, read_offset: int, wanted_offset: int) -> list[Difference]:
    """A cheapest alignment; the offsets are added to the positions."""
    # cost[i][j]: edits between read[i:] and wanted[j:], so that the way is told from the left.
    cost = [[0] * (len(wanted) + 1) for _ in range(len(read) + 1)]
    for i in range(len(read), -1, -1):
        for j in range(len(wanted), -1, -1):
            if i == len(read) or j == len(wanted):
                cost[i][j] = len(read) - i + len(wanted) - j
            else:
                cost[i][j] = min(
                    cost[i + 1][j + 1] + (not _same(read[i], wanted[j])), cost[i + 1][j] + 1, cost[i][j + 1] + 1
                )
    way: list[Difference] = []
    i = j = 0
    while i < len(read) or j < len(wanted):
        if i < len(read) and j < len(wanted):
            same = _same(read[i], wanted[j])
            if cost[i][j] == cost[i + 1][j + 1] + (not same):
                if not same:
                    way.append(_difference("substitute", i, j, read[i], wanted[j], read_offset, wanted_offset))
                i, j = i + 1, j + 1
                continue
        if i < len(read) and cost[i][j] == cost[i + 1][j] + 1:
            way.append(_difference("insert", i, j, read[i], "", read_offset, wanted_offset))
            i += 1
        else:
            way.append(_difference("delete", i, j, "", wanted[j], read_offset, wanted_offset))
            j += 1
    return way


def _difference(
    op: Literal["substitute", "insert", "delete"], i: int, j: int, read: str, wanted: str, di: int, dj: int
) -> Difference:
    return Difference(op=op, read_position=i + di, wanted_position=j + dj, read=read, wanted=wanted)


def _same(a: str, b: str) -> bool:
    return a == b != _UNKNOWN
