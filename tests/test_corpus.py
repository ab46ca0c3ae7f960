"""Lists and reads as people have had them: tests/corpus, where a new report is a file and a row."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

import platewatch as pw
from platewatch.matching.reads import ReadDecoder
from platewatch.sources.files import rows, to_read

CORPUS = Path(__file__).parent / "corpus"


def cases(name: str) -> list[Any]:
    found = tomllib.loads((CORPUS / f"{name}.toml").read_text("utf-8"))["case"]
    return [pytest.param(case, id=f"{case['file']}-{number}") for number, case in enumerate(found)]


def told(entry: pw.Entry) -> dict[str, Any]:
    """The fields that are not as an Entry has them by itself."""
    plain = pw.Entry(id="", plate="")
    fields = {name: getattr(entry, name) for name in entry.__struct_fields__}
    return {
        name: value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
        for name, value in fields.items()
        if value != getattr(plain, name)
    }


def reported(read: pw.Read) -> dict[str, Any]:
    """The fields that are not as a Read has them by itself."""
    plain, fields = msgspec.to_builtins(pw.Read(text="")), msgspec.to_builtins(read)
    return {name: _listed(value) for name, value in fields.items() if value != plain[name]}


def _listed(value: Any) -> Any:
    """Without the empty fields that TOML does not have, and lists for tuples, as it has them."""
    if isinstance(value, dict):
        return {name: _listed(item) for name, item in value.items() if item is not None}
    return [_listed(item) for item in value] if isinstance(value, tuple | list) else value


@pytest.mark.parametrize("case", cases("lists"))
def test_a_list(case: dict[str, Any]) -> None:
    path, options = CORPUS / "lists" / case["file"], case.get("options", {})
    if "error" in case:
        with pytest.raises(pw.PlatewatchError) as caught:
            pw.Hotlist.load(path, **options)
        assert str(caught.value).splitlines()[0] == case["error"]
        return
    hotlist = pw.Hotlist.load(path, **options)
    entries = [told(entry) for entry in hotlist]
    assert entries[: len(case["entries"])] == case["entries"]
    assert len(hotlist) == case.get("count", len(case["entries"]))
    report = hotlist.report
    assert [[error.row, error.field or "", error.reason] for error in report.errors] == case.get("errors", [])
    assert report.notes == case.get("notes", [])
    assert [[repeat.id, list(repeat.rows)] for repeat in report.repeats] == case.get("repeats", [])
    assert report.encoding in (None, case.get("encoding", "utf-8"))


@pytest.mark.parametrize("case", cases("reads"))
def test_a_file_of_reads(case: dict[str, Any]) -> None:
    decoder = ReadDecoder(case.get("time_zone"))
    reads, errors = [], []
    with (CORPUS / "reads" / case["file"]).open("rb") as stream:
        for items in rows(stream):
            for row, item in items:
                try:
                    read = to_read(item, decoder, row)
                except pw.ReadError as error:
                    errors.append([error.row, error.field or "", error.reason])
                else:
                    reads.append(reported(read))
    assert reads == case.get("reads", [])
    assert errors == case.get("errors", [])
    assert dict(decoder.dropped) == case.get("dropped", {})


def test_every_file_of_the_corpus_is_in_a_case() -> None:
    for name in ("lists", "reads"):
        files = {path.name for path in (CORPUS / name).iterdir()}
        assert files == {case.values[0]["file"] for case in cases(name)}
