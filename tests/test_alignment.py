from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

import platewatch as pw
from platewatch.matching.alignment import columns, differences

plates = st.text("0123가나서울", min_size=1, max_size=9)


def ops(read: str, wanted: str) -> list[tuple[str, int, int, str, str]]:
    return [(d.op, d.read_position, d.wanted_position, d.read, d.wanted) for d in differences(read, wanted)]


def test_each_operation() -> None:
    assert ops("12가3456", "12가3456") == []
    assert ops("12거3456", "12가3456") == [("substitute", 2, 2, "거", "가")]
    assert ops("112가3456", "12가3456") == [("insert", 1, 1, "1", "")]
    assert ops("12가456", "12가3456") == [("delete", 3, 3, "", "3")]
    assert ops("52바3108", "서울52바3108") == [("region", 0, 0, "", "서울")]
    assert ops("서울52바3108", "52바3108") == [("region", 0, 0, "서울", "")]
    assert ops("52바308", "서울52바3108") == [("region", 0, 0, "", "서울"), ("delete", 4, 6, "", "1")]


def test_an_unknown_symbol_differs_from_everything() -> None:
    assert ops("12?3456", "12가3456") == [("substitute", 2, 2, "?", "가")]


@given(plates, plates)
def test_as_many_differences_as_edits(read: str, wanted: str) -> None:
    matcher = pw.Matcher(pw.Hotlist.from_plates([wanted]), max_edits=3)
    edits = sum(difference.op != "region" for difference in differences(read, wanted))
    assert [match.edits for match in matcher.match(read)] == ([edits] if edits <= 3 else [])


@given(plates, plates)
def test_columns_spell_both_texts(read: str, wanted: str) -> None:
    table = columns(read, wanted)
    assert "".join(ours for ours, _, _ in table) == read
    assert "".join(theirs for _, theirs, _ in table) == wanted
    assert all(differ or ours == theirs for ours, theirs, differ in table)
