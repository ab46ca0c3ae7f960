"""Matches and batches as values: pickled, copied, in JSON and tables; and the types of all that gives them."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import json
import pickle
import pprint
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path
from typing import Any, assert_type

import msgspec
import numpy as np
import numpy.typing as npt
import orjson
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from fastapi.encoders import jsonable_encoder

import platewatch as pw
from platewatch.evaluation.results import Settings as EvaluationSettings
from platewatch.service.config import Settings

FIELDS = ("entry_id", "plate", "edits", "log_likelihood", "probability", "category", "priority")
COLUMNS = ("read", "entry_id", "plate", "edits", "log_likelihood", "probability")
WANTED = [
    pw.Entry(id="A1", plate="12가3456", category="stolen", priority=2),
    pw.Entry(id="A2", plate="12거3456"),
    pw.Entry(id="A3", plate="서울52바3108", category="도난", priority=-1),
    pw.Entry(id="P1", plate="AB?"),  # no plate of Korea's vehicles fits it
]
READS = ["12가3456", "99허9999", "52바3108", "--", "ABC"]


@pytest.fixture
def matcher() -> pw.Matcher:
    return pw.Matcher(pw.Hotlist(WANTED))


@pytest.fixture(params=["match", "match_pass", "no likelihood", "search"])
def found(request: pytest.FixtureRequest, matcher: pw.Matcher) -> pw.Match | pw.SearchResult:
    ways: dict[str, Callable[[], pw.Match | pw.SearchResult]] = {
        "match": lambda: matcher.match("12가3456")[0],
        "match_pass": lambda: matcher.match_pass(["12가3456", "12가3457"])[0],
        "no likelihood": lambda: matcher.match("ABC")[0],
        "search": lambda: matcher.search("12?3456")[0],
    }
    return ways[request.param]()


@pytest.fixture(params=[True, False], ids=["scored", "no scores"])
def batch(request: pytest.FixtureRequest, matcher: pw.Matcher) -> pw.MatchBatch:
    score: bool = request.param
    return matcher.match_batch(READS, errors="report", score=score)


# --------------------------------------------------------------------- a match


def test_a_match_is_pickled_and_copied(found: pw.Match | pw.SearchResult) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(found, protocol))
        assert (type(again), again, hash(again), repr(again)) == (type(found), found, hash(found), repr(found))
    assert copy.copy(found) == copy.deepcopy(found) == found
    assert copy.deepcopy([found, {"match": found}]) == [found, {"match": found}]


def test_a_match_goes_into_json(found: pw.Match | pw.SearchResult) -> None:
    values = {name: getattr(found, name) for name in FIELDS}
    assert tuple(found.keys()) == FIELDS
    assert dict(found) == {**found} == found.to_dict() == dataclasses.asdict(found) == values
    assert msgspec.to_builtins(found) == msgspec.json.decode(msgspec.json.encode(found)) == values
    assert json.loads(json.dumps([dict(found)], allow_nan=False)) == [values]
    with pytest.raises(KeyError):
        found["reads"]
    for key in (0, None, ["plate"]):
        with pytest.raises((KeyError, TypeError)):
            found[key]


def test_a_match_is_told_by_fastapi_and_orjson(found: pw.Match | pw.SearchResult, batch: pw.MatchBatch) -> None:
    for _ in range(100):  # it takes the attributes of a dataclass without holding them
        assert orjson.loads(orjson.dumps([found, *batch])) == [found.to_dict(), *batch.to_dicts()]
    assert jsonable_encoder({"a": [found]}) == {"a": [found.to_dict()]}
    assert jsonable_encoder(list(batch)) == batch.to_dicts()
    assert jsonable_encoder(batch) == batch.to_dict()


@pytest.mark.parametrize("text", ["서울12바3456", "12가3456", "ABC123"])
def test_a_plate_is_pickled_and_copied(text: str) -> None:
    plate = pw.parse(text)
    assert pickle.loads(pickle.dumps(plate)) == copy.copy(plate) == copy.deepcopy(plate) == plate


def test_what_is_not_there_is_none(matcher: pw.Matcher) -> None:
    (result, _) = matcher.search("12?3456")
    assert (result.edits, result.log_likelihood, result.probability) == (0, None, None)
    (fits,) = matcher.match("ABC")
    assert fits.log_likelihood is None
    assert fits.probability == 0
    (exact, _) = matcher.match("12가3456")
    assert exact.log_likelihood is not None
    assert exact.log_likelihood < 0 < exact.probability < 1
    assert exact.probability is exact.probability, "worked out once"


def test_a_match_is_a_value(matcher: pw.Matcher) -> None:
    (exact, _) = matcher.match("12가3456")
    made = pw.Match("A1", "12가3456", 0, exact.log_likelihood, exact.probability, category="stolen", priority=2)
    assert made == exact
    assert len({made, exact}) == 1
    other = dataclasses.replace(exact, edits=1)
    assert (other.edits, other.plate, other != exact) == (1, "12가3456", True)
    match exact:
        case pw.Match(entry_id, plate, edits):
            assert (entry_id, plate, edits) == ("A1", "12가3456", 0)
        case _:
            raise AssertionError
    assert pw.SearchResult("A1", "12가3456", "stolen", 2) == matcher.search("12가3456")[0]
    assert exact != matcher.search("12가3456")[0]
    with pytest.raises(AttributeError):
        exact.plate = "x"  # type: ignore[misc]


def test_threads_that_ask_at_once_are_told_the_same(matcher: pw.Matcher) -> None:
    for _ in range(20):
        matches = matcher.match("12가3456")
        with ThreadPoolExecutor(4) as threads:
            told = list(threads.map(lambda match: match.probability, matches * 4))
        assert told == [match.probability for match in matches] * 4


# ------------------------------------------------------------------- a batch


def test_a_batch_is_pickled_and_copied(batch: pw.MatchBatch) -> None:
    for again in (pickle.loads(pickle.dumps(batch)), copy.copy(batch), copy.deepcopy(batch)):
        assert type(again) is type(batch)
        assert (list(again), repr(again)) == (list(batch), repr(batch))
        for column in ("read", "entry", "edits", "log_likelihood", "probability"):
            ours, theirs = getattr(batch, column), getattr(again, column)
            assert (ours is None) == (theirs is None)
            assert ours is None or (np.array_equal(ours, theirs) and ours.dtype == theirs.dtype)
        assert list(again.entry_ids) == list(batch.entry_ids)
        assert [str(error) for error in again.errors] == [str(error) for error in batch.errors]
        assert (again.errors[0].row, again.errors[0].field) == (3, "text")
        assert again.not_lined_up == batch.not_lined_up
    assert pickle.dumps(pickle.loads(pickle.dumps(batch.entry_ids))) == pickle.dumps(batch.entry_ids)


def test_a_pickled_batch_outlives_its_matcher_and_keeps_what_was_removed() -> None:
    matcher = pw.Matcher(["12가3456", "34나7890"])
    batch = matcher.match_batch(["34나7890"])
    matcher.remove("34나7890")
    del matcher
    assert [row.plate for row in pickle.loads(pickle.dumps(batch))] == ["34나7890"]


def test_rows_are_plain_python(matcher: pw.Matcher, batch: pw.MatchBatch) -> None:
    rows = list(batch)
    singles = [(place, match) for place in (0, 2, 4) for match in matcher.match(READS[place])]
    scored = batch.probability is not None
    assert [(row.read, row.entry_id, row.plate, row.edits) for row in rows] == [
        (place, match.entry_id, match.plate, match.edits) for place, match in singles
    ]
    assert [(row.log_likelihood, row.probability) for row in rows] == [
        (match.log_likelihood, match.probability) if scored else (None, None) for _, match in singles
    ]
    plain = {str, int, float, type(None)}
    assert {type(value) for row in rows for value in dataclasses.astuple(row)} <= plain
    assert (batch[0], batch[-1], batch[np.int64(1)], batch[1:]) == (rows[0], rows[-1], rows[1], rows[1:])
    with pytest.raises(IndexError):
        batch[len(rows)]
    for row in rows:
        assert tuple(row.keys()) == COLUMNS
        assert dict(row) == row.to_dict() == dataclasses.asdict(row) == msgspec.to_builtins(row)
        assert pickle.loads(pickle.dumps(row)) == row
    with pytest.raises(KeyError):
        rows[0]["text"]


def test_a_batch_goes_into_json(batch: pw.MatchBatch) -> None:
    rows = [dataclasses.asdict(row) for row in batch]
    assert json.loads(json.dumps(batch.to_dicts(), allow_nan=False)) == rows
    assert msgspec.json.decode(msgspec.json.encode(list(batch))) == rows
    assert dict(batch) == batch.to_dict() == {name: [row[name] for row in rows] for name in COLUMNS}
    assert json.loads(json.dumps(dict(batch), allow_nan=False)) == dict(batch)
    with pytest.raises(KeyError):
        batch["text"]


def test_a_batch_as_tables(batch: pw.MatchBatch) -> None:
    arrow, polars, pandas = batch.to_arrow(), batch.to_polars(), batch.to_pandas()
    assert arrow.to_pylist() == polars.to_dicts() == batch.to_dicts()
    scores = pa.float64()
    assert arrow.schema == pa.schema(
        list(zip(COLUMNS, (pa.uint32(), pa.string(), pa.string(), pa.uint8(), scores, scores), strict=True))
    )
    assert polars.schema == dict(
        zip(COLUMNS, (pl.UInt32, pl.String, pl.String, pl.UInt8, pl.Float64, pl.Float64), strict=True)
    )
    assert pandas.to_dict("records") == batch.to_dicts()
    assert (pandas["read"].dtype, pandas["edits"].dtype) == (np.dtype("uint32"), np.dtype("uint8"))
    assert pandas["probability"].isna().all() == (batch.probability is None)
    assert pd.DataFrame(list(batch)).equals(pd.DataFrame(batch.to_dicts()))


@pytest.mark.parametrize("score", [True, False])
def test_an_empty_batch_as_tables(matcher: pw.Matcher, score: bool) -> None:
    batch, full = (matcher.match_batch(reads, score=score) for reads in ([], ["12가3456"]))
    assert (len(batch), list(batch), batch.to_dicts(), batch[:]) == (0, [], [], [])
    assert dict(batch) == {name: [] for name in COLUMNS}
    assert batch.to_arrow().schema == full.to_arrow().schema
    assert batch.to_polars().schema == full.to_polars().schema
    assert list(batch.to_pandas()) == list(COLUMNS)
    assert list(pickle.loads(pickle.dumps(batch))) == []


@pytest.mark.parametrize("library", ["pyarrow", "pandas", "polars"])
def test_a_library_that_is_missing_is_named(
    batch: pw.MatchBatch, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    method = f"to_{library.removeprefix('py')}"
    with pytest.raises(ImportError, match=f"{method} needs {library}: pip install {library}"):
        getattr(batch, method)()


def test_entry_ids_of_many(matcher: pw.Matcher) -> None:
    batch = matcher.match_batch(READS, errors="report")
    for ids in (batch.entry_ids, pickle.loads(pickle.dumps(batch.entry_ids)), copy.deepcopy(matcher.entry_ids)):
        assert list(ids) == ["A1", "A2", "A3", "P1"]
        column = ids[batch.entry]
        assert (column.dtype, column.shape, column.tolist()) == (np.dtype(object), (4,), ["A1", "A2", "A3", "P1"])
        assert ids[np.array([[3, -1], [0, 1]], dtype=np.int8)].tolist() == [["P1", "P1"], ["A1", "A2"]]
        assert ids[batch.entry[::-2]].tolist() == ["P1", "A2"]
        assert ids[np.array([])].tolist() == []
        assert [ids[2], ids[-1], ids[np.uint32(1)], ids[np.array(1)]] == ["A3", "P1", "A2", "A2"]
        assert (ids[1:3], ids[::-1], ids[5:]) == (["A2", "A3"], ["P1", "A3", "A2", "A1"], [])
        assert ids[[0, np.int64(2), -1]] == ids[(0, 2, 3)] == ["A1", "A3", "P1"]
        assert ids[range(2)] == ["A1", "A2"]
        assert ids[[]] == []
        assert ids[pd.Series([3, 0])] == ["P1", "A1"]
        outside: list[Any] = [4, -5, [0, 4], np.array([4]), np.array([-5]), np.uint64(2**63), 1 << 70]
        for key in outside:
            with pytest.raises(IndexError):
                ids[key]
        wrong: list[Any] = ["A1", 1.0, None, [0.5], ["A1"], np.array([0.5]), np.array([True] * 4), {0}]
        for key in wrong:
            with pytest.raises(TypeError):
                ids[key]
    assert column[batch.read == 2].tolist() == ["A3"]


# -------------------------------------------------------------------- reprs


def test_reprs_tell(matcher: pw.Matcher) -> None:
    plates = [f"{n:03}가{n:04}" for n in range(2000)]
    assert repr(pw.Hotlist.from_plates([*plates, "12?가3456"])) == "Hotlist(2,001 entries, 1 pattern, 0 errors)"
    bad = pw.Hotlist.from_plates(["12가3456", "--", "7?다*9", "*"], strict=False)
    assert repr(bad) == "Hotlist(2 entries, 1 pattern, 2 errors)"
    bad.remove("12가3456")
    assert repr(bad) == "Hotlist(1 entry, 1 pattern, 2 errors)"
    assert repr(matcher) == "Matcher(4 entries, max_edits=2)"
    assert repr(matcher.entry_ids) == "EntryIds(4 ids)"
    assert repr(pw.Matcher(["12가3456"]).entry_ids) == "EntryIds(1 id)"
    scored, unscored = (matcher.match_batch(READS, errors="report", score=score) for score in (True, False))
    assert repr(scored) == "ScoredMatchBatch(4 matches of 3 reads, 1 error)"
    assert repr(unscored) == "MatchBatch(4 matches of 3 reads, 1 error, no scores)"
    assert repr(matcher.match_batch(["99허9999"])) == "ScoredMatchBatch(0 matches of 0 reads, 0 errors)"
    population, model = pw.Population.default(), pw.ChannelModel.default()
    assert repr(population) == "Population(8 classes, 25,940,000 vehicles)"
    told = f"error rate {model.error_rate:.3g}, {len(model.engines)} engines, 0 cameras, {population!r}"
    assert repr(model) == f"ChannelModel({told})"
    exact, near = matcher.match("12가3456")
    assert repr(near) == f"Match(entry_id='A2', plate='12거3456', edits=1, probability={near.probability:.4f})"
    assert repr(matcher.search("12가3456")[0]) == "SearchResult(entry_id='A1', plate='12가3456')"
    assert pprint.pformat([exact, near], width=20) == f"[{exact!r},\n {near!r}]"


def test_no_repr_shows_a_read(matcher: pw.Matcher) -> None:
    read = pw.Read(text="12가3457")
    batch = matcher.match_batch([read])
    assert len(batch) == 2
    told = repr((matcher, batch, list(batch), batch.entry_ids, matcher.match(read), matcher.match_pass([read])))
    assert "3457" not in told


# -------------------------------------------------------- signatures and types


def test_signatures_are_real() -> None:
    match = inspect.signature(pw.Matcher.match)
    batch = inspect.signature(pw.Matcher.match_batch)
    assert list(match.parameters) == [
        "self",
        "read",
        "max_edits",
        "at",
        "alternatives",
        "min_probability",
        "keep_exact",
    ]
    for name, parameter in list(match.parameters.items())[2:]:
        assert (parameter.kind, parameter.default) == (inspect.Parameter.KEYWORD_ONLY, batch.parameters[name].default)
    bound = inspect.signature(pw.Matcher(["12가3456"]).match)
    assert list(bound.parameters) == list(match.parameters)[1:]
    bound.bind("12가3456", max_edits=1)
    with pytest.raises(TypeError):
        bound.bind("12가3456", 1)
    public = [name for name in dir(pw.Matcher) if not name.startswith("_") and callable(getattr(pw.Matcher, name))]
    assert {"match", "match_batch", "match_pass", "open", "search", "save", "verify", "settle"} <= set(public)
    for name in public:
        assert inspect.signature(getattr(pw.Matcher, name)), name
        assert inspect.getdoc(getattr(pw.Matcher, name)), name
    assert [str(p) for p in inspect.signature(pw.Match).parameters.values()][-1] == "priority: 'int | None' = None"


def test_types(matcher: pw.Matcher) -> None:
    """What mypy infers; what it must refuse has a `type: ignore`, which is an error where it does not."""
    assert_type(matcher.match("12가3456")[0].probability, float)
    assert_type(matcher.search("12가3456")[0].probability, None)
    assert_type(matcher.match_batch(READS[:1]), pw.ScoredMatchBatch)
    assert_type(matcher.match_batch(READS[:1], score=True).probability, npt.NDArray[np.float64])
    assert_type(matcher.match_batch(READS[:1], score=False), pw.MatchBatch)
    assert_type(matcher.match_batch(READS[:1], score=False).probability, npt.NDArray[np.float64] | None)
    assert_type([row.probability for row in matcher.match_batch(READS[:1])], list[float])
    assert_type(matcher.match_batch(READS[:1])[0].probability, float)
    assert_type([row.probability for row in matcher.match_batch(READS[:1], score=False)], list[float | None])
    batch: pw.MatchBatch = matcher.match_batch(READS[:1])
    assert_type(batch.entry_ids[0], str)
    assert_type(batch.entry_ids[[0]], list[str])
    assert_type(batch.entry_ids[:1], list[str])
    assert_type(batch.entry_ids[batch.entry], npt.NDArray[np.object_])
    with pytest.raises(TypeError):
        matcher.match(12)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        pw.Matcher([12])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("junk", "what"),
    [
        (12, "int"),
        (None, "NoneType"),
        (1.5, "float"),
        (["12가3456"], "list"),
        ({"text": "99하9999"}, "dict"),
        (msgspec.structs.force_setattr, "builtin_function_or_method"),
    ],
)
def test_what_is_no_read_is_a_type_error_that_says_what_it_got(matcher: pw.Matcher, junk: Any, what: str) -> None:
    calls: list[tuple[Callable[[], object], int | None]] = [
        (lambda: matcher.match(junk), None),
        (lambda: matcher.match_pass(["12가3456", junk]), 1),
    ]
    for call, row in calls:
        with pytest.raises(TypeError, match=f"neither text nor a Read but {what}") as caught:
            call()
        assert isinstance(caught.value, pw.ReadError)
        assert (caught.value.row, caught.value.field) == (row, "text")
        assert "9999" not in str(caught.value)
    with pytest.raises(pw.ReadError, match="row 1, text"):
        matcher.match_batch(["12가3456", junk])


@pytest.mark.parametrize("junk", ["99하9999", b"99", 12, None, {"text": "99하9999"}, pw.Read(text="99하9999")])
def test_what_is_no_sequence_of_reads_is_a_type_error(matcher: pw.Matcher, junk: Any) -> None:
    for call in (matcher.match_batch, matcher.match_pass):
        with pytest.raises(TypeError, match="reads must be a sequence of reads, not") as caught:
            call(junk)
        assert "9999" not in str(caught.value)


def test_unknown_names_and_ids(matcher: pw.Matcher) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'edits'"):
        matcher.match("12가3456", edits=1)  # type: ignore[call-arg]
    with pytest.raises(KeyError, match="A9"):
        matcher.remove("A9")
    wrong: list[Callable[[Any], object]] = [matcher.remove, matcher.add, matcher.search, matcher.save, pw.Matcher.open]
    for call in wrong:
        with pytest.raises(TypeError, match="int"):
            call(5)
    with pytest.raises(TypeError, match=r"platewatch\.ChannelModel, not str"):
        pw.Matcher([], model="model.json")  # type: ignore[arg-type]


# ------------------------------------------------------------- from plates


PLATES = ["12 가 3456", "12가3456", "서울52바3108", "7?다*9"]


@pytest.mark.parametrize(
    "plates",
    [
        PLATES,
        tuple(PLATES),
        set(PLATES),
        iter(PLATES),
        dict.fromkeys(PLATES).keys(),
        np.array(PLATES),
        np.array(PLATES, dtype=object),
        pd.Series(PLATES),
        pl.Series(PLATES),
        pa.array(PLATES),
        pa.chunked_array([PLATES]),
    ],
    ids=lambda plates: type(plates).__name__,
)
def test_a_matcher_of_plates(plates: Any) -> None:
    matcher = pw.Matcher(plates)
    assert list(matcher.entry_ids) == sorted(["12가3456", "서울52바3108", "7?다*9"])
    assert [(m.entry_id, m.plate, m.edits) for m in matcher.match("52바3108")] == [("서울52바3108",) * 2 + (0,)]


def test_a_matcher_of_no_plates_and_of_others_later() -> None:
    matcher = pw.Matcher([])
    assert (len(matcher), matcher.match("12가3456")) == (0, [])
    matcher.update(["12가3456"])
    assert len(matcher.match("12가3456")) == 1


@pytest.mark.parametrize(
    ("junk", "message"),
    [
        ("12가3456", r"not str: .*pw\.Matcher\(\[plate\]\).*pw\.Hotlist\.load\(path\)"),
        (b"12", r"not bytes: "),
        (Path("wanted.csv"), r"not PosixPath: use pw\.Hotlist\.load\(path\)"),
        (StringIO("12가3456"), r"not StringIO: use pw\.Hotlist\.load\(path\)"),
        ({"id": "A1", "plate": "12가3456"}, r"not dict: use pw\.Hotlist\.from_records\(\[record\]\)"),
        ([{"id": "A1", "plate": "12가3456"}], r"not list of dict: use pw\.Hotlist\.from_records\(records\)"),
        (WANTED, r"not list of Entry: use pw\.Hotlist\(entries\)"),
        (pd.DataFrame({"plate": PLATES}), r"not DataFrame: use pw\.Hotlist\.from_table\(table\)"),
        (pl.DataFrame({"plate": PLATES}), r"not DataFrame: use pw\.Hotlist\.from_table\(table\)"),
        (pl.LazyFrame({"plate": PLATES}), r"not LazyFrame: use pw\.Hotlist\.from_table\(table\)"),
        (pa.table({"plate": PLATES}), r"not Table: use pw\.Hotlist\.from_table\(table\)"),
        (None, "not None"),
        (5, "not int"),
        ([5], "not list of int"),
        ([None], "not list of None"),
        ([b"12"], "not list of bytes"),
        (np.array([["12가3456"]]), "not ndarray of list"),
        (pw.Hotlist, "not type"),
        (pw.Matcher([]), "not Matcher"),
        (pw.Matcher(["12가3456"]).match_batch(["12가3456"]), "not ScoredMatchBatch of MatchRow"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_matcher_of_what_is_no_list_says_what_it_wants(junk: Any, message: str) -> None:
    for call in (pw.Matcher, pw.Matcher([]).update):
        with pytest.raises(TypeError, match=r"hotlist must be a pw\.Hotlist or plates, " + message):
            call(junk)


@pytest.mark.parametrize(("bad", "reason"), [("--", "no letter or digit"), (None, "missing"), (5, "not text")])
def test_a_bad_plate_among_others_is_named(bad: Any, reason: str) -> None:
    with pytest.raises(pw.EntryError) as caught:
        pw.Matcher(["12가3456", bad])
    assert (caught.value.row, caught.value.field, caught.value.reason) == (1, "plate", reason)


# ---------------------------------------------------------------- max_edits


def test_max_edits_is_2_everywhere() -> None:
    from platewatch.cli.evaluate import evaluate
    from platewatch.cli.match import match

    assert pw.Matcher(["12가3456"]).max_edits == 2
    assert pw.Matcher(pw.Hotlist()).max_edits == 2
    settings = {field.name: field.default for field in msgspec.structs.fields(Settings)}
    assert settings["max_edits"] == 2
    assert EvaluationSettings().max_edits == 2
    for command in (pw.Matcher.__init__, match, evaluate):
        assert inspect.signature(command).parameters["max_edits"].default == 2
