"""What Python expects of a library: quick to import, values that unpack, matchers that pickle, fork and close."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

import platewatch as pw

PLATES = ["12가3456", "34나5678", "서울12바3456", "12?가34*"]


@pytest.fixture
def matcher() -> pw.Matcher:
    return pw.Matcher(PLATES)


def python(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.strip()


def test_importing_imports_no_numpy() -> None:
    heavy = "('numpy', 'typer', 'rich', 'aiohttp', 'platewatch.lists', 'platewatch.formats')"
    assert python(f"import sys, platewatch; print([name for name in {heavy} if name in sys.modules])") == "[]"


def test_every_public_name_is_there() -> None:
    for name in pw.__all__:
        assert getattr(pw, name) is not None
        assert name in dir(pw)
    with pytest.raises(AttributeError, match="has no attribute 'Macher'"):
        pw.Macher  # noqa: B018


def test_from_import_star_brings_all_of_it() -> None:
    assert python("from platewatch import *; print(Matcher.__name__, normalize('12 가 3456'))") == "Matcher 12가3456"


def test_the_build_says_what_it_is() -> None:
    info = pw.build_info()
    assert info.version == pw.__version__
    assert info.kernel in info.kernels
    assert info.compiler
    assert info.python.startswith("CPython 3.")


def test_a_match_unpacks_and_is_matched(matcher: pw.Matcher) -> None:
    (found,) = matcher.match("34나5678")
    entry_id, plate, edits, log_likelihood, probability = found
    assert (entry_id, plate, edits, log_likelihood, probability) == (
        found.entry_id,
        found.plate,
        found.edits,
        found.log_likelihood,
        found.probability,
    )
    match found:
        case pw.Match(entry, _, 0, _, p):
            assert (entry, p) == (found.entry_id, found.probability)
        case _:
            pytest.fail("no match")
    assert dict(found)["category"] == ""
    (searched,) = matcher.search("34나????")
    assert tuple(searched) == (searched.entry_id, searched.plate, 0, None, None)


def test_a_matcher_pickles_with_its_model(matcher: pw.Matcher) -> None:
    matcher.use(pw.ChannelModel.default().scaled(0.03))
    again = pickle.loads(pickle.dumps(matcher))
    for read in ("12거3456", "서울12바3456", "12바3456"):
        assert again.match(read) == matcher.match(read)
    assert again.max_edits == matcher.max_edits
    again.add(pw.Entry(id="new", plate="56다7890"))  # and may change
    assert [found.entry_id for found in again.match("56다7890")] == ["new"]
    assert matcher.match("56다7890") == []


def test_the_default_model_pickles_as_itself(matcher: pw.Matcher) -> None:
    default = pw.ChannelModel.default()
    assert pickle.loads(pickle.dumps(default)) is default
    refined = default.refined({"lpr": default.tables.general}, {})
    assert "lpr" in pickle.loads(pickle.dumps(refined)).engines
    assert "lpr" not in default.engines
    assert len(pickle.dumps(matcher)) < 20_000


def test_a_mapped_snapshot_pickles_as_its_path(matcher: pw.Matcher, tmp_path: Path) -> None:
    path = tmp_path / "wanted.snapshot"
    pw.Matcher([f"{i:02d}가{j:04d}" for i in range(10) for j in range(1000)]).save(path)
    opened = pw.Matcher.open(path, mapped=True)
    pickled = pickle.dumps(opened)
    assert len(pickled) < 1000
    assert pickle.loads(pickled).match("03가0123") == opened.match("03가0123")
    opened.remove("03가0123")  # then it is the file no more
    again = pickle.loads(pickle.dumps(opened))
    assert [found.entry_id for found in again.match("03가0123", max_edits=0)] == []
    matcher.save(path)  # and what was pickled is another file
    with pytest.raises(pw.SnapshotError, match="not the file that was mapped"):
        pickle.loads(pickled)


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_file_that_got_another_list_is_not_what_is_pickled(
    matcher: pw.Matcher, tmp_path: Path, is_gone: bool
) -> None:
    path = tmp_path / "wanted.snapshot"
    matcher.save(path)
    opened = pw.Matcher.open(path, mapped=True)
    if is_gone:
        path.unlink()
    else:
        pw.Matcher(["99하9999"]).save(path)
    assert pickle.loads(pickle.dumps(opened)).match("34나5678") == matcher.match("34나5678")


def found_by(matcher: pw.Matcher, read: str) -> list[pw.Match]:
    return matcher.match(read)


@pytest.mark.parametrize("way", [way for way in ("fork", "spawn") if way in multiprocessing.get_all_start_methods()])
def test_processes_match_with_it(matcher: pw.Matcher, way: str) -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(way)) as pool:
        assert pool.submit(found_by, matcher, "12가3457").result() == matcher.match("12가3457")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_child_matches_as_its_parent_does(matcher: pw.Matcher) -> None:
    expected = matcher.match("12가3457")
    child = os.fork()
    if child == 0:
        os._exit(0 if matcher.match("12가3457") == expected else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_matcher_that_is_closed_refuses(matcher: pw.Matcher) -> None:
    with matcher as opened:
        assert opened.match("34나5678")
    for call in (
        lambda: matcher.match("34나5678"),
        lambda: matcher.match_batch(["34나5678"]),
        lambda: matcher.match_pass(["34나5678"]),
        lambda: matcher.search("34나????"),
        lambda: matcher.add(pw.Entry(id="new", plate="56다7890")),
        lambda: matcher.update(["56다7890"]),
        lambda: len(matcher),
        lambda: pickle.dumps(matcher),
    ):
        with pytest.raises(pw.StateError, match="the matcher is closed"):
            call()
    matcher.close()  # again is no matter
    assert repr(matcher) == "Matcher(closed)"


def test_a_mapped_matcher_that_is_closed_does_not_pickle(matcher: pw.Matcher, tmp_path: Path) -> None:
    path = tmp_path / "wanted.snapshot"
    matcher.save(path)
    opened = pw.Matcher.open(path, mapped=True)
    opened.close()
    with pytest.raises(pw.StateError, match="the matcher is closed"):
        pickle.dumps(opened)


def test_an_error_in_the_block_is_not_swallowed(matcher: pw.Matcher) -> None:
    with pytest.raises(KeyError), matcher:
        raise KeyError
