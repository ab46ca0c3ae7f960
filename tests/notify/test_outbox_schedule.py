"""What the outbox holds: when it is due, how long it stays, how it is listed and taken back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from platewatch.notify.event import cancellation, decode, decode_any, encode
from platewatch.notify.outbox import (
    _DUE,
    _NEXT_DUE,
    NewEvent,
    Outbox,
    OutboxError,
    purge,
)
from platewatch.notify.outbox_file import APPLICATION_ID
from platewatch.notify.outbox_reader import export_events, list_events

from .support import NOW, READ_AT, counts, hit_event, message, messages, with_outbox

# --- the schedule


def test_due_takes_the_longest_due_first_and_skips_what_is_in_flight(path: Path) -> None:
    async def test(outbox: Outbox) -> None:
        await outbox.append(messages(4))
        await outbox.failed(1, "timeout", NOW + 5)
        await outbox.failed(3, "timeout", NOW - 5)
        assert [event.seq for event in await outbox.due(NOW, 10)] == [3, 2, 4]
        assert [event.seq for event in await outbox.due(NOW, 2, exclude={3})] == [2, 4]
        assert [event.seq for event in await outbox.due(NOW + 5, 10)] == [3, 2, 4, 1]
        assert await outbox.next_due() == NOW - 5
        assert await outbox.next_due(exclude={2, 3, 4}) == NOW + 5
        assert await outbox.next_due(exclude={1, 2, 3, 4}) is None

    with_outbox(test, path)


def test_due_and_next_due_use_the_index(path: Path) -> None:
    async def test(outbox: Outbox) -> None:
        for sql, parameters in ((_DUE, ("wass", 0, NOW, "[]", 1)), (_NEXT_DUE, ("wass", 0, "[]"))):
            plan = [row[3] for row in await outbox._query(f"EXPLAIN QUERY PLAN {sql}", *parameters)]
            assert any("events_by_schedule" in step for step in plan)
            assert not any("TEMP B-TREE" in step or step.startswith("SCAN events") for step in plan)

    with_outbox(test, path)


def test_the_schedule_survives_a_restart(path: Path) -> None:
    async def fail(outbox: Outbox) -> None:
        await outbox.append(messages(1))
        await outbox.failed(1, "HTTP 500", NOW + 60)

    async def look(outbox: Outbox) -> None:
        assert await outbox.due(NOW + 59, 10) == []
        (event,) = await outbox.due(NOW + 60, 10)
        assert event.attempts == 1

    with_outbox(fail, path)
    with_outbox(look, path)


def test_retry_revives_dead_letters_as_if_new(path: Path) -> None:
    async def bury(outbox: Outbox) -> None:
        await outbox.append(messages(4))
        for seq in (1, 2, 3):
            await outbox.dead(seq, "HTTP 422")

    async def revive(outbox: Outbox) -> None:
        later = NOW + 1000
        ids = [event_id for event_id, *_ in messages(4)]
        assert await outbox.retry([ids[1], ids[3], "unknown"]) == 1  # the fourth is not dead
        (fourth, second) = await outbox.due(later, 10)
        assert (fourth.event_id, fourth.queued_at) == (ids[3], NOW)
        assert (second.event_id, second.attempts, second.created_at, second.queued_at) == (ids[1], 0, NOW, later)
        assert await outbox.retry([]) == 0
        assert await outbox.retry() == 2
        assert await outbox.counts() == counts(pending=4)

    with_outbox(bury, path)
    with_outbox(revive, path, NOW + 1000)


def test_prune_deletes_only_old_deliveries(path: Path) -> None:
    async def test(outbox: Outbox) -> None:
        await outbox.append([*messages(1501), NewEvent("new", b"-"), NewEvent("dead", b"-"), NewEvent("wait", b"-")])
        await outbox._query("UPDATE events SET state = 'delivered', delivered_at = ? WHERE seq <= 1501", NOW - 1)
        await outbox.delivered(1502, NOW)
        await outbox.dead(1503, "HTTP 422")
        assert await outbox.prune(NOW) == 1501
        assert await outbox.prune(NOW) == 0

    with_outbox(test, path)
    assert [event.event_id for event in list_events(path)] == ["wait", "dead", "new"]


def test_a_confirmed_hit_is_kept_for_longer(path: Path) -> None:
    """By the last answer: of W-2 it was another at first, of W-3 it is another now."""
    answer = "INSERT INTO outcomes VALUES (NULL, ?, ?, 'Kim', '', 0, '', '', '', '', 'notify', 0.9, 0)"

    async def test(outbox: Outbox) -> None:
        hits = [message(f"W-{number}") for number in range(5)]
        await outbox.append(hits)
        for seq in range(1, 6):
            await outbox.delivered(seq, NOW - (100 if seq == 5 else 10))
        for number, outcome in [(1, "confirmed"), (2, "misread"), (2, "confirmed"), (3, "confirmed")]:
            await outbox._query(answer, hits[number].hitid, outcome)
        await outbox._query(answer, hits[3].hitid, "cannot_tell")
        await outbox._query(answer, hits[4].hitid, "confirmed")
        assert await outbox.prune(NOW, NOW - 50) == 3
        assert await outbox.prune(NOW, NOW - 50) == 0

    with_outbox(test, path)
    assert [event.event_id for event in list_events(path)] == [message(entry).event_id for entry in ("W-2", "W-1")]


def test_what_is_pruned_is_overwritten(path: Path) -> None:
    async def deliver(outbox: Outbox) -> None:
        await outbox.append([NewEvent(str(number), b"secret body " * 100) for number in range(20)])
        for seq in range(1, 21):
            await outbox.delivered(seq, NOW)

    async def prune(outbox: Outbox) -> None:
        assert await outbox.prune(NOW + 1) == 20

    with_outbox(deliver, path)
    assert b"secret body" in path.read_bytes()
    with_outbox(prune, path)
    assert b"secret body" not in path.read_bytes()


# --- the command line's view


def test_events_are_listed_newest_first_without_their_bodies(path: Path) -> None:
    async def test(outbox: Outbox) -> None:
        await outbox.append(messages(3))
        await outbox.delivered(1, NOW + 1)
        await outbox.failed(2, "HTTP 500", NOW + 2)
        await outbox.dead(3, "HTTP 422")
        listed = list_events(path)  # while the owner is at work
        assert [(event.seq, event.state, event.attempts, event.last_error) for event in listed] == [
            (3, "dead", 1, "HTTP 422"),
            (2, "pending", 1, "HTTP 500"),
            (1, "delivered", 1, None),
        ]
        assert (listed[2].event_id, listed[2].delivered_at) == (message("W-0")[0], NOW + 1)
        assert listed[1].next_attempt_at == NOW + 2
        assert "12가3456" not in str(listed)
        assert [event.seq for event in list_events(path, "dead")] == [3]
        assert [event.seq for event in list_events(path, limit=1)] == [3]

    with_outbox(test, path)


def test_export_gives_the_bodies_oldest_first(path: Path) -> None:
    async def test(outbox: Outbox) -> None:
        await outbox.append(messages(3))
        await outbox.dead(2, "HTTP 422")

    with_outbox(test, path)
    assert list(export_events(path)) == [message.body for message in messages(3)]
    assert list(export_events(path, "dead")) == [messages(3)[1][1]]


# --- hits that are taken back


def withdraw(body: bytes, sequence: int) -> NewEvent:
    event = cancellation(decode(body), READ_AT, "entry_removed", sequence)
    return NewEvent(event.id, encode(event))


def test_a_hit_that_waits_is_cancelled_and_a_delivered_one_is_taken_back(path: Path) -> None:
    async def test(outbox: Outbox) -> None:
        both = ("wass", "112")
        await outbox.append([message("W-1")._replace(routes=both), message("W-1", 2), message("W-2"), message("W-3")])
        await outbox.delivered(1, NOW)  # W-1 to wass; 2 is for 112, 3 its rise for wass
        await outbox.delivered(4, NOW)  # W-2
        await outbox.failed(5, "timeout", NOW + 1)  # W-3, which may have arrived
        assert await outbox.cancel(withdraw, entry_ids=["W-1", "W-3", "W-9"]) == 2
        assert await outbox.counts() == counts(pending=2, delivered=2, cancelled=3)
        taken_back = [decode_any(event.body) for event in await outbox.due(NOW, 10)]
        assert [(event.id, event.data.entry_id) for event in taken_back] == [
            (hit_event("W-1", 3).id, "W-1"),
            (hit_event("W-3", 2).id, "W-3"),
        ]
        assert await outbox.due(NOW, 10, route="112") == [], "nobody there had heard of it"
        assert await outbox.cancel(withdraw, entry_ids=["W-1", "W-3"]) == 0, "once"
        assert await outbox.cancel(withdraw, hitids=[hit_event("W-2").hitid], since=NOW + 1) == 0, "too long ago"
        assert await outbox.cancel(withdraw, hitids=[hit_event("W-2").hitid], since=NOW) == 1
        await outbox.append([message("W-1")])
        assert await outbox.counts() == counts(pending=3, delivered=2, cancelled=3), "a repeat of it is known"

    with_outbox(test, path)


def test_a_payload_that_is_purged_leaves_its_id(path: Path) -> None:
    async def test(outbox: Outbox) -> None:
        await outbox.append([message("W-1"), message("W-2")])
        for seq in (1, 2):
            await outbox.dead(seq, "HTTP 422")
        await outbox.write(lambda connection: purge(connection, hit_event("W-1").hitid))
        assert await outbox.append([message("W-1")]) == 0
        assert await outbox.retry() == 1, "what is purged cannot be sent"

    with_outbox(test, path)
    assert list(export_events(path)) == [message("W-2").body]


def test_what_was_cancelled_is_pruned_in_time(path: Path) -> None:
    async def test(outbox: Outbox) -> None:
        await outbox.append(messages(2))
        assert await outbox.cancel(withdraw, entry_ids=["W-0"]) == 1
        assert await outbox.prune(NOW) == 0
        assert await outbox.prune(NOW + 1) == 1
        assert await outbox.counts() == counts(pending=1)

    with_outbox(test, path)


def test_an_outbox_of_schema_1_is_brought_up_to_date(path: Path) -> None:
    """Nothing of it is lost: what waits is delivered, and what is known stays known."""
    with closing(sqlite3.connect(path)) as old:
        old.executescript(
            """
            CREATE TABLE events (
                seq INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL UNIQUE, body BLOB NOT NULL,
                state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'dead')),
                attempts INTEGER NOT NULL DEFAULT 0, created_at REAL NOT NULL, queued_at REAL NOT NULL,
                next_attempt_at REAL NOT NULL, delivered_at REAL, last_error TEXT
            );
            CREATE INDEX events_by_schedule ON events (state, next_attempt_at);
            CREATE INDEX events_by_delivery ON events (delivered_at) WHERE state = 'delivered';
            CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL);
            PRAGMA user_version = 1;
            """
        )
        old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        old.execute("INSERT INTO meta VALUES ('hit_key', ?)", (bytes(range(32)),))
        for seq, (event_id, body, *_) in enumerate([*messages(2), NewEvent("no.1", b"no JSON")], start=1):
            state, at = ("pending", None) if seq != 2 else ("delivered", NOW - 5)
            old.execute(
                "INSERT INTO events VALUES (?, ?, ?, ?, 3, ?, ?, ?, ?, NULL)",
                (seq, event_id, body, state, NOW - 9, NOW - 8, NOW - 7, at),
            )
        old.commit()
    with pytest.raises(OutboxError, match="start the service once"):
        list_events(path)

    async def test(outbox: Outbox) -> None:
        assert outbox.hit_key == bytes(range(32))
        assert await outbox.append([message("W-1"), message("new")]) == 1
        first, other, new = await outbox.due(NOW, 10)
        assert (first.event_id, first.body, first.attempts, first.created_at) == (*messages(1)[0][:2], 3, NOW - 9)
        assert (other.body, other.seq, new.event_id) == (b"no JSON", 3, message("new").event_id)
        assert await outbox.cancel(withdraw, entry_ids=["W-0", "W-1"]) == 2, "their entries are known"

    with_outbox(test, path)
