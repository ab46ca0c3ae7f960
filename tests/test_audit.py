"""The access log: what it says, and that a change of it shows."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from platewatch.cli import app
from platewatch.notify.outbox import Outbox
from platewatch.service.audit import Access, Audit, AuditError, lines, subject, verify
from tests.notify.support import message

KEY = bytes(range(32))
NOVEMBER = datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC).timestamp()


def access(action: str = "outcome", **changes: object) -> Access:
    return Access(**{"who": "Kim", "where": "10.0.0.7", "action": action, "reason": "case 7", **changes})  # type: ignore[arg-type]


def filled(folder: Path, count: int = 5) -> Audit:
    audit = Audit(folder, KEY, clock=lambda: NOVEMBER)
    for number in range(count):
        audit.write(access(subjects=(audit.subject(f"A{number}"),)))
    return audit


def test_lines_are_chained_over_months(tmp_path: Path) -> None:
    filled(tmp_path, 2)
    later = Audit(tmp_path, KEY, clock=lambda: NOVEMBER + 2)
    later.write(access("export"))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["access-2026-11.jsonl", "access-2026-12.jsonl"]
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in tmp_path.iterdir())
    found = [line for _, line in lines(tmp_path)]
    assert [line.action for line in found] == ["outcome", "outcome", "export"]
    assert [line.previous for line in found] == ["0" * 64, found[0].hash, found[1].hash]
    assert verify(tmp_path) == (3, found[-1].hash)


def test_whose_data_it_was_only_who_has_the_key_can_tell(tmp_path: Path) -> None:
    filled(tmp_path)
    data = (tmp_path / "access-2026-11.jsonl").read_text("utf-8")
    assert "A3" not in data
    assert subject(KEY, "A3") in data
    assert subject(bytes(32), "A3") not in data


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_change_shows(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """A byte, a line removed, doubled, or exchanged; but lines cut off at the end need the hash that was kept."""
    folder = tmp_path_factory.mktemp("log")
    filled(folder)
    _, head = verify(folder)
    path = folder / "access-2026-11.jsonl"
    before = path.read_bytes()
    rows = before.splitlines(keepends=True)
    change = data.draw(st.sampled_from(["byte", "remove", "double", "exchange", "cut"]))
    if change == "byte":
        place = data.draw(st.integers(0, len(before) - 1))
        value = data.draw(st.integers(0, 255).filter(lambda value: value != before[place]))
        path.write_bytes(before[:place] + bytes([value]) + before[place + 1 :])
    elif change == "cut":
        path.write_bytes(b"".join(rows[: data.draw(st.integers(1, 4))]))
        assert verify(folder)[1] != head
        run = CliRunner().invoke(app, ["audit", "verify", str(folder), "--head", head])
        assert (run.exit_code, "lines were cut off" in run.stderr) == (2, True)
        return
    else:
        one = data.draw(st.integers(0, 3))
        if change == "remove":
            del rows[one]
        elif change == "double":
            rows.insert(one, rows[one])
        else:
            rows[one], rows[one + 1] = rows[one + 1], rows[one]
        path.write_bytes(b"".join(rows))
    # What is removed at the start might have been pruned; that shows by nothing but its hash.
    if change == "remove" and one == 0:
        assert verify(folder) == (4, head)
        return
    with pytest.raises(AuditError, match="access-2026-11"):
        verify(folder)


def test_a_line_that_a_power_cut_tore_is_removed_and_that_is_said(tmp_path: Path) -> None:
    audit = filled(tmp_path, 2)
    path = tmp_path / "access-2026-11.jsonl"
    path.write_bytes(path.read_bytes() + b'{"who":"Kim","wh')
    with pytest.raises(AuditError, match=r"access-2026-11\.jsonl, line 3: is torn"):
        verify(tmp_path)
    audit.write(access("export"))
    assert [line.action for _, line in lines(tmp_path)] == ["outcome", "outcome", "torn line removed", "export"]
    assert verify(tmp_path)[0] == 4


def test_a_line_of_any_length_is_gone_on_from(tmp_path: Path) -> None:
    """As that of an export of a whole list's hits."""
    audit = filled(tmp_path, 1)
    audit.write(access("export", subjects=tuple(audit.subject(str(number)) for number in range(20_000))))
    audit.write(access("export"))
    path = tmp_path / "access-2026-11.jsonl"
    path.write_bytes(path.read_bytes() + b"x" * 200_000)
    audit.write(access("outcome"))
    assert [line.action for _, line in lines(tmp_path)][1:] == ["export", "export", "torn line removed", "outcome"]
    assert verify(tmp_path)[0] == 5


def test_a_log_that_was_tampered_with_is_not_gone_on_with(tmp_path: Path) -> None:
    audit = filled(tmp_path, 2)
    path = tmp_path / "access-2026-11.jsonl"
    path.write_bytes(b"garbage\n")
    with pytest.raises(AuditError, match="no line of an access log"):
        audit.write(access())


def test_several_processes_write_one_chain(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from platewatch.service.audit import Access, Audit\n"
        "audit = Audit(Path(sys.argv[1]), bytes(32))\n"
        "for _ in range(50): audit.write(Access(who=sys.argv[2], where='local', action='export'))"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), f"w{number}"]) for number in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert verify(tmp_path)[0] == 150


def test_old_months_are_deleted(tmp_path: Path) -> None:
    for month in ("2024-10", "2024-11", "2025-01"):
        (tmp_path / f"access-{month}.jsonl").write_bytes(b"")
    (tmp_path / "notes-2024-01.jsonl").write_bytes(b"")
    asyncio.run(Audit(tmp_path, KEY, clock=lambda: NOVEMBER).note(access()))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "access-2024-11.jsonl",
        "access-2025-01.jsonl",
        "access-2026-11.jsonl",
        "notes-2024-01.jsonl",
    ]


def test_an_export_is_in_the_log_before_it_is_printed(tmp_path: Path) -> None:
    outbox = tmp_path / "outbox.db"

    async def fill() -> None:
        async with await Outbox.open(outbox) as it:
            await it.append([message("A1"), message("A2"), message("A2", 2)])

    asyncio.run(fill())
    run = CliRunner().invoke(app, ["outbox", "export", str(outbox), "--reason", "case 7"])
    assert (run.exit_code, len(run.stdout.splitlines())) == (0, 3)
    ((_, line),) = lines(tmp_path / "access")
    assert (line.action, line.count, line.reason, line.where) == ("export", 2, "case 7", "local")
    key = bytes.fromhex(CliRunner().invoke(app, ["audit", "key", str(outbox)]).output)
    assert line.subjects == (subject(key, "A1"), subject(key, "A2"))
    (tmp_path / "access" / f"access-{line.at:%Y-%m}.jsonl").write_text("tampered\n")
    run = CliRunner().invoke(app, ["outbox", "export", str(outbox), "--reason", "case 8"])
    assert (run.exit_code, run.stdout) == (2, ""), "what cannot be logged is not done"


def test_the_command_verifies_and_reports(tmp_path: Path) -> None:
    folder, key = tmp_path / "log", tmp_path / "key"
    filled(folder)
    key.write_text(KEY.hex())
    run = CliRunner().invoke(app, ["audit", "verify", str(folder)])
    assert (run.exit_code, run.output.startswith("5 lines, all as they were written")) == (0, True)
    run = CliRunner().invoke(app, ["audit", "report", str(folder), "--month", "2026-11"])
    assert "2026-11: 5 accesses" in run.output
    assert run.output.splitlines()[-1].split() == ["Kim", "outcome", "5"]
    one = CliRunner().invoke(
        app, ["audit", "report", str(folder), "--month", "2026-11", "--entry", "A3", "--key", str(key)]
    )
    assert one.output == "2026-11-30 23:59:59+00:00  Kim (10.0.0.7)  outcome: case 7\n"
    noted = [line for _, line in lines(folder) if line.action == "audit report"]
    assert [(line.where, line.count, line.subjects) for line in noted] == [
        ("local", 5, ()),
        ("local", 1, (subject(KEY, "A3"),)),
    ]
    assert verify(folder)[0] == 7, "to look is an access too"
    assert CliRunner().invoke(app, ["audit", "report", str(folder), "--month", "2026-13"]).exit_code != 0
    assert CliRunner().invoke(app, ["audit", "report", str(folder), "--entry", "A3"]).exit_code != 0
