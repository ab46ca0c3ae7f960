"""Labelled reads from files: good ones, bad ones, and the passes that they are of."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from pathlib import Path

import pytest

import platewatch as pw
from platewatch.evaluation import LabelledRead
from platewatch.evaluation.sample import decode, group_passes, load, why_missed
from platewatch.evaluation.sample import reasons as count_reasons


def decode_labelled(lines: Iterable[bytes]) -> tuple[list[LabelledRead], list[pw.ReadError]]:
    return decode(io.BytesIO(b"\n".join(line.rstrip(b"\n") for line in lines)))


def test_labelled_reads_and_what_is_wrong_with_the_others() -> None:
    lines = [
        '{"text": "12가3456", "truth": "12 가 3456", "image": "i1", "country": "KR"}',
        "",
        '{"text": "12가3456"}',
        '{"text": "x", "truth": "12345678901234567"}',
        '{"text": "12거3456", "truth": "99거3456", "image": "i1"}',
        '{"text": "1", "truth": "12가3456", "pass_id": "p", "camera_id": "c1"}',
        '{"text": "2", "truth": "12가3457", "pass_id": "p", "camera_id": "c2"}',
        '{"text": "3", "truth": "12가3457", "pass_id": "p", "camera_id": "c2", "image": "i1"}',
        "{",
    ]
    found, errors = decode_labelled(line.encode() for line in lines)
    assert [(r.plate, r.country) for r in found[:1]] == [("12가3456", "KR")]
    assert [error.row for error in errors] == [3, 4, 5, 9]
    assert str(errors[0]) == "row 3, truth: no truth"
    assert str(errors[1]) == "row 4, truth: more than 16 symbols"
    assert str(errors[2]) == "row 5, truth: another plate than the other reads of its pass"
    assert group_passes(found) == [[0], [1], [2, 3]]
    assert count_reasons(errors) == {
        "no truth": 1,
        "a truth that cannot be matched": 1,
        "another plate than the other reads of its pass": 1,
        "no read": 1,
    }


@pytest.mark.parametrize("truth", ["null", "NaN", '""', '"  "', '"--"', '"?"', '"***"', None])
def test_what_shows_no_plate_has_no_truth(truth: str | None) -> None:
    row = '{"text": "12가3456"' + ("" if truth is None else f', "truth": {truth}') + "}"
    assert reasons(row) == ["row 1, truth: no truth"]


@pytest.mark.parametrize("text", ["null", "NaN", '""', '"  "', '"--"', '"??"', '"\ufffd"', None])
def test_a_read_that_shows_nothing_is_a_missed_one(text: str | None) -> None:
    row = '{"truth": "12가3456", "engine": "a", "camera_id": "c"' + ("" if text is None else f', "text": {text}') + "}"
    (read,), errors = decode_labelled([row.encode()])
    assert errors == []
    assert (read.plate, read.read.engine, read.read.camera_id) == ("12가3456", "a", "c")
    assert why_missed(read.read) == "nothing was read"


def test_what_a_table_lacks_is_no_part_of_a_text() -> None:
    row = '{"text": "12: NaN3456", "truth": "12가3456", "image": NaN, "confidence": NaN, "x": "\\ud800"}'
    assert reasons(row) == ["row 1: not a JSON object"]
    (read,), errors = decode_labelled([row.replace(', "x": "\\ud800"', "").encode()])
    assert (read.read.text, read.passing, read.read.confidence, errors) == ("12: NaN3456", None, None, [])


def test_a_read_that_shows_too_much_is_a_missed_one() -> None:
    assert why_missed(pw.Read(text="1" * 17)) == "what was read cannot be matched"
    assert why_missed(pw.Read(text="1?3")) is None


def test_what_says_whose_image_it_is_may_be_a_number_and_a_country_that_is_no_text_is_none() -> None:
    row = '{"text": "1", "truth": "12가3456", "image": 17, "country": %s}'
    found, errors = decode_labelled([(row % country).encode() for country in ("5", "null", "[]", '"KR"')])
    assert errors == []
    assert [read.country for read in found] == [None, None, None, "KR"]
    assert group_passes(found) == [[0, 1, 2, 3]]


def reasons(*lines: str | bytes) -> list[str]:
    return [str(error) for error in decode_labelled(as_bytes(line) for line in lines)[1]]


def as_bytes(line: str | bytes) -> bytes:
    return line.encode() if isinstance(line, str) else line


def test_labelled_rows_with_a_byte_order_mark_white_space_or_faults_of_encoding() -> None:
    good = '{"text": "12가3456", "truth": "12가3456"}'
    found, errors = decode_labelled(map(as_bytes, ("\ufeff" + good, f" {good} \r\n", "\ufeff\r\n", good)))
    assert ([r.plate for r in found], errors) == (["12가3456"] * 3, [])
    deep = "[" * 100_000
    assert reasons(b'{"text": "1", "truth": "1\xff"}', b'{"text": "1\xff", "truth": "1"}', f"{deep}", good) == [
        "row 1: not valid UTF-8",
        "row 2: not valid UTF-8",
        "row 3: Expected `object`, got `array`",
    ]
    assert reasons(f'{{"text": "1", "truth": "1", "x": {deep}') == ["row 1: nested too deeply"]
    assert reasons(
        '{"text": "1", "truth": 5}', '{"text": 5, "truth": "1"}', '{"text": "1", "truth": "1", "image": []}'
    ) == [
        "row 1, truth: Expected `str | null`, got `int`",
        "row 2, text: Expected `str`, got `int`",
        "row 3, image: Expected `int | str | null`, got `array`",
    ]


@pytest.mark.parametrize("mark", ["?", "？", "*", "_", "#", "□", "\ufffd", "…", "[", "(", "½", "①", "ⅷ"])
def test_a_truth_that_somebody_could_not_read_is_no_truth(mark: str) -> None:
    line = json.dumps({"text": "12가3456", "truth": f"12가34{mark}6"}).encode()
    found, errors = decode_labelled([line, b'{"text": "1", "truth": "12-3456"}'])
    assert [str(error) for error in errors] == ["row 1, truth: has a character that is no letter, digit or separator"]
    assert len(found) == 1


@pytest.mark.parametrize(
    "truth", ["12 가-3456", "12.가·3456", "12\t가\u200b3456\n", "１２가－３４５６", "12\u1100\u11613456", "12–가・3456"]
)
def test_separators_and_other_forms_of_characters_are_fine_in_a_truth(truth: str) -> None:
    found, errors = decode_labelled([json.dumps({"text": "1", "truth": truth}).encode()])
    assert ([r.plate for r in found], errors) == (["12가3456"], [])


def seen(second: int | None, plate: str, pass_id: str | None = "7", camera_id: str | None = "c") -> bytes:
    at = None if second is None else f"2026-11-23T09:{second // 60:02}:{second % 60:02}+09:00"
    return json.dumps(
        {"text": "1", "truth": plate, "pass_id": pass_id, "camera_id": camera_id, "time": at, "image": "i"}
    ).encode()


def test_a_pass_id_that_is_used_again_later_is_another_pass() -> None:
    one, other, third = "12가3456", "98나7654", "345다1111"
    rows = [seen(100, other), seen(0, one), seen(30, one), seen(60, one), seen(130, other), seen(161, one)]
    found, errors = decode_labelled(rows)
    assert errors == []
    assert group_passes(found) == [[0, 4], [1, 2, 3], [5]], "each at most 30 s from the next"
    # As before within 30 s, in other cameras, and where a time is missing.
    found, errors = decode_labelled([seen(0, one), seen(20, other), seen(100, third), seen(100, one, camera_id="d")])
    assert [str(error) for error in errors] == ["row 2, truth: another plate than the other reads of its pass"]
    assert group_passes(found) == [[0], [1], [2]]
    found, errors = decode_labelled([seen(0, one), seen(100, other), seen(None, one)])
    assert [error.row for error in errors] == [2]
    assert group_passes(found) == [[0, 1]]
    # An image is one frame, whatever its times.
    found, errors = decode_labelled([seen(0, one, None), seen(100, one, None)])
    assert (errors, group_passes(found)) == ([], [[0, 1]])


def test_bad_rows_are_told_in_their_order() -> None:
    one, other = "12가3456", "98나7654"
    assert [reason[:5] for reason in reasons(seen(0, one), seen(1, other), "{", seen(2, other))] == [
        "row 2",
        "row 3",
        "row 4",
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "cp949"])
def test_labelled_reads_as_csv(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "reads.csv"
    text = "정답,인식결과,신뢰도,camera\n12가3456,12가3456,0.9,G1\n34나5678,,,G1\n,12가3456,0.5,G1\n"
    path.write_bytes(text.encode(encoding))
    found, errors = load(path)
    assert [(one.plate, one.read.text, one.read.confidence) for one in found] == [
        ("12가3456", "12가3456", 0.9),
        ("34나5678", "", None),
    ]
    assert [(error.row, error.field, error.reason) for error in errors] == [(4, "truth", "no truth")]
