"""The file of a bundle, and what a device matches with in it. That C reads them: make edge."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import platewatch as pw
from platewatch.bundle.file import BundleFile, write_payload
from platewatch.service.policy import CategoryPolicy, Policy
from tests.edge import conformance

PARTS = BundleFile(b'{"format": "platewatch bundle 1"}', b"signature", b"payload" * 1000)


def test_a_file_has_the_parts_that_it_was_made_of() -> None:
    data = PARTS.to_bytes()
    assert BundleFile.of(data) == PARTS
    assert data[4096:] == PARTS.payload
    assert PARTS.signed_bytes == b"platewatch bundle 1\n" + PARTS.manifest


def test_a_torn_or_changed_file_is_refused() -> None:
    data = PARTS.to_bytes()
    for size in (*range(200), 4095, 4096, len(data) - 1):
        with pytest.raises(pw.PlatewatchError):
            BundleFile.of(data[:size])
    with pytest.raises(pw.PlatewatchError):
        BundleFile.of(data + b"x")
    for place in (*range(150), 4095):
        with pytest.raises(pw.PlatewatchError):
            BundleFile.of(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])


def test_a_payload_is_a_snapshot_too(tmp_path: Path) -> None:
    matcher = pw.Matcher(["12가3456", "34나5678", "1?다3456"], max_edits=1)
    matcher.add(pw.Entry(id="late", plate="56라7890"))
    path = tmp_path / "payload"
    write_payload(matcher, path, Policy(categories={"stolen": CategoryPolicy(notify=0.9)}))
    pw.Matcher.verify(path)
    opened = pw.Matcher.open(path)
    assert opened.max_edits == 1
    assert sorted(opened.entry_ids) == sorted(matcher.entry_ids)
    for read in ("12거3456", "56라7890", "18다3456"):
        assert opened.match(read) == matcher.match(read)
    with pytest.raises(FileNotFoundError):
        write_payload(matcher, tmp_path / "no" / "payload")


def test_the_same_list_makes_the_same_payload(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_payload(pw.Matcher(["12가3456"]), tmp_path / name, Policy())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_conformance_asks_of_every_kind(tmp_path: Path) -> None:
    conformance.make(tmp_path)
    parts = BundleFile.of((tmp_path / "conformance.bundle").read_bytes())
    assert json.loads(parts.manifest)["payload_bytes"] == len(parts.payload)
    lines = [line.split("\t") for line in (tmp_path / "conformance.tsv").read_text("utf-8").splitlines()]
    kinds = [line[0] for line in lines]
    assert min(kinds.count(kind) for kind in "rcaoqm") > 100
    matches = [line for line in lines if line[0] == "m"]
    assert {line[2] for line in matches} == {"0", "1", "2", "3"}
    assert {line[3] for line in matches} == {"0", "1", "2"}
    assert {line[1] for line in matches} & set(conformance.PATTERNS)
    assert [line[1] for line in lines if line[0] == "q"].count("pass") > 20
