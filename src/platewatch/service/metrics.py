"""What Prometheus is told: counts and times, never a plate, a read or the id of an entry."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import Counter as Counts
from collections.abc import Mapping, Sequence
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, GCCollector, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from platewatch._core import __version__
from platewatch.matching.reads import Read
from platewatch.notify.outbox import Outbox, OutboxError
from platewatch.service.alarms import Alarms
from platewatch.service.cameras import Cameras
from platewatch.service.feeds import Feeds
from platewatch.service.passes import Event
from platewatch.service.pipeline import Observer
from platewatch.service.silence import Silence

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4

_OTHERS: Final = "others"
_MOST_LABELS: Final = 100  # different values of a label that comes from outside
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200)

_DELIVERED: Final = """
    SELECT route, delivered_at, delivered_at - created_at FROM events
    WHERE state = 'delivered' AND kind = 'hit' AND delivered_at > ? ORDER BY delivered_at LIMIT 10000
"""
_SEEN: Final = """
    SELECT seen.at, seen.at - (SELECT MIN(created_at) FROM events WHERE events.hitid = seen.hitid) FROM seen
    WHERE seen.at > ? ORDER BY seen.at LIMIT 10000
"""
_OUTCOMES: Final = "SELECT outcome, COUNT(DISTINCT hitid) FROM outcomes GROUP BY outcome"


class Metrics(Observer):
    """The metrics of one service; `exposed` is what is scraped. `cameras` says of which group each is: its agency's."""

    def __init__(self, cameras: Cameras, silence: Silence, alarms: Alarms, feeds: Feeds) -> None:
        self._cameras = cameras
        self._silence = silence
        self._alarms = alarms
        self._feeds = feeds
        self._known: dict[str, set[str]] = {}
        self._by_group: dict[tuple[str, str], Counter] = {}  # and source; bound, as it is asked for with each call
        self._observing = asyncio.Lock()
        self._since_delivered = self._since_seen = time.time()
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)

        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(f"platewatch_{name}", what, labels, registry=registry)

        def gauge(name: str, what: str, *labels: str) -> Gauge:
            return Gauge(f"platewatch_{name}", what, labels, registry=registry)

        def histogram(name: str, what: str, *labels: str) -> Histogram:
            return Histogram(f"platewatch_{name}", what, labels, buckets=_SECONDS, registry=registry)

        gauge("build_info", "The version that runs.", "version").labels(__version__).set(1)
        self._reads = counter("reads", "Reads taken in, by source and group of cameras.", "source", "group")
        self._refused = counter("reads_refused", "Reads that could not be used.", "source", "field", "reason")
        self._unknown = gauge("reads_of_unknown_cameras", "Reads of cameras that are in no table.")
        self._hits = counter("hits", "Hits on disk.", "category", "grade")
        self._denied = counter("requests_denied", "Requests of who may not ask for that.", "status")
        self._match = histogram("match_seconds", "From a call's reads to all its hits, waiting included.")
        self._commit = histogram("commit_seconds", "From the reading of a plate to its hit on disk.")
        self._delivered = histogram("delivery_seconds", "From a hit on disk to its delivery.", "route")
        self._seen = histogram("seen_seconds", "From a hit on disk until somebody has seen it.")
        self._outcomes = gauge("outcomes", "Hits by what operators said of them.", "outcome")
        self._waiting = gauge("reads_waiting", "Reads that wait to be matched.")
        self._pending = gauge("outbox_pending", "Events that wait for their delivery.", "route")
        self._oldest = gauge("outbox_oldest_seconds", "For how long the oldest of them has waited.", "route")
        self._dead = gauge("outbox_dead", "Dead letters.", "route")
        self._down = gauge("route_down", "Whether a far end does not answer.", "route")
        self._writable = gauge("outbox_writable", "Whether hits can be committed.")
        self._version = gauge("list_version", "The version of a feed's list.", "feed")
        self._entries = gauge("list_entries", "The entries of a feed's list.", "feed")
        self._as_of = gauge("list_as_of_timestamp_seconds", "When a feed's list was current.", "feed")
        self._list_refused = gauge("list_refused", "Whether a feed's newer list is refused.", "feed")
        self._left_out = gauge("alarms_left_out", "Alarms that were not raised, as too many are on.")
        self._on = gauge("alarms", "Alarms that are on.", "alarm")
        self._connections = gauge("connections", "Open connections.")

    # ------------------------------------------------------------------ as it happens

    def took(self, reads: Sequence[Read], source: str) -> None:
        """Reads have come."""
        self._silence.took(reads)
        for group, count in Counts(self._cameras.group(read.camera_id) for read in reads).items():
            bound = self._by_group.get((source, group))
            if bound is None:
                bound = self._reads.labels(source, self._bounded("group", group))
                self._by_group[source, group] = bound
            bound.inc(count)

    def refused(self, source: str, kinds: Mapping[tuple[str | None, str], int]) -> None:
        """Reads of a source could not be used, by field and reason."""
        for (field, reason), count in kinds.items():
            labels = self._bounded("field", field or ""), self._bounded("reason", reason)
            self._refused.labels(source, *labels).inc(count)

    def denied(self, status: int) -> None:
        """A request was not let in."""
        self._denied.labels(str(status)).inc()

    def matched(self, seconds: float) -> None:
        """A call's reads have been matched."""
        self._match.observe(seconds)

    def told(self, event: Event) -> None:
        """A hit is on disk."""
        tally = event.new.tally
        self._hits.labels(self._bounded("category", "" if tally is None else tally.category), event.grade).inc()
        self._commit.observe(max(0.0, time.time() - event.time.timestamp()))

    def _bounded(self, label: str, value: str) -> str:
        known = self._known.setdefault(label, set())
        if value not in known:
            if len(known) >= _MOST_LABELS:
                return _OTHERS
            known.add(value)
        return value

    # ------------------------------------------------------------------ when it is asked for

    async def exposed(
        self, outbox: Outbox, routes: Mapping[str, Mapping[str, Any]] | None, now: Mapping[str, float]
    ) -> bytes:
        """All of it as text. `routes` is as Delivery.status gives it, None if the outbox is lost; `now` has what is
        waiting, of unknown cameras, and open.
        """
        self._waiting.set(now["waiting"])
        self._unknown.set(now["unknown"])
        self._connections.set(now["connections"])
        self._writable.set(routes is not None)
        for name, route in (routes or {}).items():
            self._pending.labels(name).set(route["pending"])
            self._oldest.labels(name).set(route["oldest"] or 0.0)
            self._dead.labels(name).set(route["dead"])
            self._down.labels(name).set(route["down"])
        for feed in self._feeds.status():
            version, entries, as_of = self._feeds.part(feed["feed"])
            self._version.labels(feed["feed"]).set(version)
            self._entries.labels(feed["feed"]).set(entries)
            self._as_of.labels(feed["feed"]).set(as_of)
            self._list_refused.labels(feed["feed"]).set(feed["refused"] is not None)
        self._on.clear()
        for kind, count in Counts(alarm.kind for alarm in self._alarms).items():
            self._on.labels(kind).set(count)
        self._left_out.set(self._alarms.left_out)
        if routes is not None:
            async with self._observing:  # or two who ask would count what is new twice
                await self._observe_deliveries(outbox)
        return bytes(generate_latest(self._registry))

    async def _observe_deliveries(self, outbox: Outbox) -> None:
        since = self._since_delivered, self._since_seen

        def action(connection: sqlite3.Connection) -> tuple[list[Any], list[Any], list[Any]]:
            delivered = connection.execute(_DELIVERED, since[:1]).fetchall()
            seen = connection.execute(_SEEN, since[1:]).fetchall()
            return delivered, seen, connection.execute(_OUTCOMES).fetchall()

        try:
            delivered, seen, outcomes = await outbox.write(action)
        except OutboxError:
            self._writable.set(0)
            return
        for route, at, seconds in delivered:
            self._delivered.labels(route).observe(max(0.0, seconds))
            self._since_delivered = max(self._since_delivered, at)
        for at, seconds in seen:
            self._seen.observe(max(0.0, seconds or 0.0))
            self._since_seen = max(self._since_seen, at)
        for outcome, count in outcomes:
            self._outcomes.labels(outcome).set(count)
