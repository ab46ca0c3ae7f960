"""Every payload of the tables beside this file comes to what stands there."""

from __future__ import annotations

from typing import Any

import pytest

import platewatch as pw
from tests.formats.payloads import cases, parsed, told

_WITHOUT_ENGINE = ("platewatch", "mapping", "onvif", "ngsi_ld")


@pytest.mark.parametrize(
    ("name", "case"), [pytest.param(*case, id=f"{case[0]}-{case[1]['about']}") for case in cases()]
)
def test_a_payload(name: str, case: dict[str, Any]) -> None:
    if "error" in case:
        with pytest.raises(pw.FormatError) as caught:
            parsed(name, case)
        assert str(caught.value) == case["error"]
        return
    found = parsed(name, case)
    assert [told(read) for read in found.reads] == case.get("reads", [])
    assert found.ignored == case.get("ignored", [])
    assert [str(error) for error in found.refused] == case.get("refused", [])
    if "heard" in case:
        assert sorted(found.heard) == case["heard"]
    assert dict(found.dropped) == case.get("dropped", {})
    assert found.reply == (case["reply"].encode() if "reply" in case else None)
    assert found.count == len(found.reads) + len(found.ignored) + len(found.refused)
    if name not in _WITHOUT_ENGINE and "engine" not in case:
        assert {read.engine for read in found.reads} <= {name}


def test_every_format_has_payloads() -> None:
    assert {name for name, _ in cases()} == set(pw.formats.FORMATS)
