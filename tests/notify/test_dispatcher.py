from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
import structlog

from platewatch.notify import Outbox
from platewatch.notify.dispatcher import Dispatcher, RetryPolicy
from platewatch.notify.event import cancellation, decode, encode
from platewatch.notify.outbox import NewEvent
from platewatch.notify.outbox_reader import list_events
from platewatch.notify.senders.base import DeliveryError, Sender
from platewatch.notify.senders.https import HttpsSender, HttpsSettings
from platewatch.notify.simulator import Faults, WassSimulator
from tests.patience import PATIENCE

from .support import READ_AT, SECRET, counts, hit_event, message, messages, until

NOW = 1_795_400_000.0
FAST = RetryPolicy(first_delay=0.01, max_delay=0.05)


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class FakeSender:
    """Remembers what it is asked to send, and does with it what `outcome` does."""

    def __init__(self, outcome: Callable[[str], Awaitable[None]] | None = None) -> None:
        self.sent: list[str] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self._outcome = outcome

    async def send(self, event_id: str, body: bytes) -> None:
        assert event_id.encode() in body
        self.sent.append(event_id)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            if self._outcome is not None:
                await self._outcome(event_id)
        finally:
            self.in_flight -= 1


def failing(error: Exception) -> FakeSender:
    async def fail(_: str) -> None:
        raise error

    return FakeSender(fail)


@asynccontextmanager
async def running(dispatcher: Dispatcher) -> AsyncIterator[None]:
    """Run the dispatcher during the block, then stop it; its failure is the test's."""
    async with asyncio.TaskGroup() as group:
        group.create_task(dispatcher.run())
        try:
            yield
        finally:
            dispatcher.stop()


async def all_are(outbox: Outbox, state: str, count: int) -> None:
    """Wait until so many events are in this state, and none in any other."""
    wanted = counts(**{state: count})
    async with asyncio.timeout(PATIENCE):
        while await outbox.counts() != wanted:
            await asyncio.sleep(0.005)


# --- against the simulator, over HTTP


@pytest.mark.parametrize(
    ("faults", "repeats"),
    [
        (Faults(), False),
        (Faults(refuse=0.4), False),
        (Faults(delay=0.4, delay_seconds=60), True),
        (Faults(error=0.4), False),
        (Faults(cut=0.4), True),
        (Faults(twice=0.4), False),
        (Faults(refuse=0.1, delay=0.1, error=0.1, cut=0.1, twice=0.1, delay_seconds=60), True),
    ],
    ids=["honest", "refuse", "delay", "error", "cut", "twice", "all"],
)
def test_every_event_arrives_under_one_id_whatever_the_fault(path: Path, faults: Faults, repeats: bool) -> None:
    count = 40
    # As short as a slow machine may answer in where that is what is tried; where not, it must not come about.
    timeout = 0.5 if faults.delay else PATIENCE
    latencies: dict[str, float] = {}

    async def body() -> None:
        simulator = WassSimulator([SECRET], faults=faults, random=Random(3))
        async with (
            simulator.start(),
            HttpsSender(HttpsSettings(url=f"{simulator.url}/events", secrets=(SECRET,), timeout=timeout)) as sender,
            await Outbox.open(path) as outbox,
        ):
            dispatcher = Dispatcher(outbox, sender, FAST, on_delivered=latencies.__setitem__)
            async with running(dispatcher):
                await outbox.append(messages(count))
                dispatcher.wake()
                await all_are(outbox, "delivered", count)
        summary = simulator.summary()
        assert sorted(event.id for event in summary.events) == sorted(event_id for event_id, *_ in messages(count))
        assert (summary.duplicates > 0) == repeats
        assert summary.rejected == 0

    asyncio.run(body())
    assert latencies.keys() == {event_id for event_id, *_ in messages(count)}
    assert all(seconds >= 0 for seconds in latencies.values())


def test_a_far_end_that_comes_up_late_gets_everything(path: Path) -> None:
    async def body() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        simulator = WassSimulator([SECRET])
        async with (
            HttpsSender(HttpsSettings(url=f"http://127.0.0.1:{port}/events", secrets=(SECRET,))) as sender,
            await Outbox.open(path) as outbox,
        ):
            await outbox.append(messages(30))
            async with running(Dispatcher(outbox, sender, FAST)):
                await until(lambda: sum(event.attempts for event in list_events(path)) >= 30)
                assert {event.last_error for event in list_events(path)} >= {"ClientConnectorError"}
                async with simulator.start(port=port):
                    await all_are(outbox, "delivered", 30)
        assert simulator.summary().distinct == 30

    asyncio.run(body())


# --- the schedule


def test_the_delay_grows_up_to_its_maximum_less_jitter() -> None:
    policy, random = RetryPolicy(), Random(1)
    growing = enumerate([0.2, 0.5, 1, 2, 5, 10, 20, 50, 60, 60], start=1)
    for attempts, longest in [*growing, (1_000_000, 60)]:
        delays = [policy.delay(attempts, random) for _ in range(1000)]
        assert longest / 2 <= min(delays) < longest * 0.51
        assert longest * 0.99 < max(delays) <= longest
    assert RetryPolicy(jitter=0).delay(3, random) == 1


def test_retries_follow_the_clock(path: Path) -> None:
    clock = Clock()
    sender = failing(DeliveryError("HTTP 500"))
    policy = RetryPolicy(first_delay=0.01, max_delay=0.08, jitter=0)
    attempted_at: list[float] = []

    async def body() -> None:
        async with await Outbox.open(path, clock=clock) as outbox:
            dispatcher = Dispatcher(outbox, sender, policy, clock=clock)
            await outbox.append([message()])
            async with running(dispatcher):
                while len(attempted_at) < 6:
                    await until(lambda: list_events(path)[0].attempts == len(attempted_at) + 1)
                    attempted_at.append(clock.now)
                    clock.now = list_events(path)[0].next_attempt_at
                    dispatcher.wake()

    asyncio.run(body())
    waits = [later - earlier for earlier, later in pairwise(attempted_at)]
    assert waits == pytest.approx([0.01, 0.025, 0.05, 0.08, 0.08], abs=1e-6)


def test_nothing_is_sent_before_it_is_due(path: Path) -> None:
    clock, sender = Clock(), FakeSender()

    async def body() -> None:
        async with await Outbox.open(path, clock=clock) as outbox:
            await outbox.append(messages(2))
            await outbox.failed(1, "HTTP 500", NOW + 60)  # by an earlier run of the service
            dispatcher = Dispatcher(outbox, sender, FAST, clock=clock)
            async with running(dispatcher):
                await until(lambda: len(sender.sent) == 1)
                await asyncio.sleep(0.1)
                assert sender.sent == [message("W-1")[0]]
                clock.now += 60  # unannounced, as a clock is set
                await until(lambda: len(sender.sent) == 2)

    asyncio.run(body())


def test_retry_after_puts_off_the_next_attempt(path: Path) -> None:
    clock = Clock()
    sender = failing(DeliveryError("HTTP 503", retry_after=120))

    async def body() -> None:
        async with await Outbox.open(path, clock=clock) as outbox:
            await outbox.append([message()])
            async with running(Dispatcher(outbox, sender, FAST, clock=clock)):
                await until(lambda: list_events(path)[0].attempts == 1)
                assert list_events(path)[0].next_attempt_at == NOW + 120

    asyncio.run(body())


# --- dead letters


def test_a_permanent_refusal_is_a_dead_letter_until_retried(path: Path) -> None:
    sender = failing(DeliveryError("HTTP 422", permanent=True))

    async def body() -> None:
        async with await Outbox.open(path) as outbox:
            await outbox.append([message()])
            dispatcher = Dispatcher(outbox, sender, FAST)
            with structlog.testing.capture_logs() as logs:
                async with running(dispatcher):
                    await all_are(outbox, "dead", 1)
                    assert await outbox.retry() == 1
                    dispatcher.wake()
                    await until(lambda: len(sender.sent) == 2)
                    await all_are(outbox, "dead", 1)
            assert list_events(path)[0].last_error == "HTTP 422"
            entry = {
                "event": "dead letter",
                "route": "wass",
                "event_id": message()[0],
                "error": "HTTP 422",
                "attempts": 1,
            }
            assert logs == [{**entry, "log_level": "error"}] * 2

    asyncio.run(body())


def test_an_event_that_keeps_failing_is_given_up_only_after_its_time(path: Path) -> None:
    clock = Clock()
    sender = failing(DeliveryError("timeout"))
    policy = RetryPolicy(first_delay=0.01, max_delay=0.05, give_up_after=100)

    async def body() -> None:
        async with await Outbox.open(path, clock=clock) as outbox:
            dispatcher = Dispatcher(outbox, sender, policy, clock=clock)
            await outbox.append([message()])
            async with running(dispatcher):
                await until(lambda: list_events(path)[0].attempts == 1)
                clock.now = NOW + 99.9
                dispatcher.wake()
                await until(lambda: list_events(path)[0].attempts == 2)
                assert list_events(path)[0].state == "pending"
                clock.now = NOW + 100
                dispatcher.wake()
                await all_are(outbox, "dead", 1)
                # Retried by an operator, it has its whole time again.
                await outbox.retry()
                dispatcher.wake()
                await until(lambda: list_events(path)[0].attempts == 1)
                assert list_events(path)[0].state == "pending"

    asyncio.run(body())


def test_the_log_names_events_but_never_shows_them(path: Path) -> None:
    outcomes = iter([DeliveryError("HTTP 500"), None, DeliveryError("HTTP 422", permanent=True)])

    async def outcome(_: str) -> None:
        if (error := next(outcomes)) is not None:
            raise error

    async def body() -> None:
        async with await Outbox.open(path) as outbox:
            with structlog.testing.capture_logs() as logs:
                dispatcher = Dispatcher(outbox, FakeSender(outcome), FAST)
                async with running(dispatcher):
                    await outbox.append([message("W-1")])
                    dispatcher.wake()
                    await all_are(outbox, "delivered", 1)
                    await outbox.append([message("W-2")])
                    dispatcher.wake()
                    await until(lambda: list_events(path)[0].state == "dead")
            assert [(log["event"], log["log_level"], log["attempts"]) for log in logs] == [
                ("delivery failed", "warning", 1),
                ("delivered", "info", 2),
                ("dead letter", "error", 1),
            ]
            assert not any(secret in str(logs) for secret in ("12가3456", "12거3456", "W-1", "W-2"))

    asyncio.run(body())


# --- load


def test_no_more_than_the_allowed_number_are_in_flight(path: Path) -> None:
    sender = FakeSender(lambda _: asyncio.sleep(0.001))

    async def body() -> None:
        async with await Outbox.open(path) as outbox:
            await outbox.append(messages(100))
            async with running(Dispatcher(outbox, sender, RetryPolicy(concurrency=4))):
                await all_are(outbox, "delivered", 100)

    asyncio.run(body())
    assert sender.most_in_flight == 4
    assert sorted(sender.sent) == sorted(event_id for event_id, *_ in messages(100))
    assert sender.sent[:4] == [event_id for event_id, *_ in messages(4)]


def test_a_far_end_that_is_down_is_tried_with_one_event_at_a_time(path: Path) -> None:
    clock = Clock()
    sender = failing(DeliveryError("ClientConnectorError"))
    policy = RetryPolicy(first_delay=1, max_delay=60, jitter=0, concurrency=4, failures_in_a_row=6, longest_probe=4)
    probes: list[float] = []

    async def body() -> None:
        async with await Outbox.open(path, clock=clock) as outbox:
            await outbox.append(messages(2000))
            dispatcher = Dispatcher(outbox, sender, policy, clock=clock)
            with structlog.testing.capture_logs() as logs:
                async with running(dispatcher):
                    await until(lambda: dispatcher.is_down)
                    await until(lambda: sender.in_flight == 0)
                    begun = len(sender.sent)
                    assert 6 <= begun < 6 + 4, "only those that were under way when it was noticed"
                    for _ in range(4):
                        tried = len(sender.sent)
                        while len(sender.sent) == tried:
                            clock.now += 0.5
                            dispatcher.wake()
                            await asyncio.sleep(0.02)
                        assert len(sender.sent) == tried + 1
                        probes.append(clock.now)
            assert [log["event"] for log in logs].count("route is down") == 1
            assert (await outbox.counts())["pending"] == 2000

    asyncio.run(body())
    assert all(later - earlier <= 4.5 for earlier, later in pairwise(probes)), "at most longest_probe apart"


def test_a_far_end_that_is_back_gets_at_once_what_had_to_wait(path: Path) -> None:
    clock, is_down = Clock(), [True]

    async def answer(_: str) -> None:
        if is_down[0]:
            raise DeliveryError("HTTP 503")

    sender = FakeSender(answer)
    policy = RetryPolicy(first_delay=1, max_delay=3600, jitter=0, failures_in_a_row=3)

    async def body() -> None:
        async with await Outbox.open(path, clock=clock) as outbox:
            await outbox.append(messages(10))
            dispatcher = Dispatcher(outbox, sender, policy, clock=clock)
            async with running(dispatcher):
                await until(lambda: dispatcher.is_down and sender.in_flight == 0)
                for event in list_events(path):
                    await outbox.failed(event.seq, "HTTP 503", NOW + 3600)  # it has failed for long
                is_down[0] = False
                await outbox.append([message("the probe")])
                clock.now += 10
                dispatcher.wake()
                await all_are(outbox, "delivered", 11)

    asyncio.run(body())


def test_a_dead_route_holds_up_no_other(path: Path) -> None:
    dead, living = failing(DeliveryError("timeout")), FakeSender()

    async def body() -> None:
        async with await Outbox.open(path) as outbox:
            both = [event._replace(routes=("dead", "living")) for event in messages(300)]
            assert await outbox.append(both) == 300, "an event counts once, whatever its routes"
            async with (
                running(Dispatcher(outbox, dead, FAST, route="dead")),
                running(Dispatcher(outbox, living, FAST, route="living")),
            ):
                await until(lambda: len(living.sent) == 300)
            assert {event.route for event in list_events(path, "delivered", 1000)} == {"living"}
            assert (await outbox.backlog())["dead"]["pending"][0] == 300

    asyncio.run(body())


def test_urgent_events_are_sent_before_all_that_wait(path: Path) -> None:
    sender = FakeSender()

    async def body() -> None:
        async with await Outbox.open(path) as outbox:
            await outbox.append(messages(50))
            urgent = message("urgent")._replace(urgent=True)
            await outbox.append([urgent])
            async with running(Dispatcher(outbox, sender, FAST)):
                await all_are(outbox, "delivered", 51)

    asyncio.run(body())
    assert sender.sent[0] == message("urgent").event_id


def test_what_is_cancelled_while_it_is_sent_is_taken_back(path: Path) -> None:
    """Whether it has arrived is not known until the answer: so an event follows that takes it back."""
    may_answer = asyncio.Event()

    async def answer(event_id: str) -> None:
        if event_id == message().event_id:
            await may_answer.wait()

    sender = FakeSender(answer)

    def withdraw(body: bytes, sequence: int) -> NewEvent:
        event = cancellation(decode(body), READ_AT, "entry_removed", sequence)
        return NewEvent(event.id, encode(event))

    async def body() -> None:
        async with await Outbox.open(path) as outbox:
            dispatcher = Dispatcher(outbox, sender, FAST)
            async with running(dispatcher):
                await outbox.append([message()])
                dispatcher.wake()
                await until(lambda: sender.in_flight == 1)
                assert await outbox.cancel(withdraw, entry_ids=["W-1"]) == 1
                assert await outbox.counts() == counts(cancelled=1)
                may_answer.set()
                dispatcher.wake()
                await until(lambda: len(sender.sent) == 2)
            assert sender.sent[1] == hit_event("W-1", 2).id

    asyncio.run(body())


@pytest.mark.parametrize("due", [0, 1, 2, 3])
def test_a_dispatcher_that_can_do_nothing_sleeps(path: Path, due: int) -> None:
    """Nothing due; all that is due in flight, with a slot free and without; more due than there are slots."""
    sender = FakeSender(lambda _: asyncio.sleep(60))
    statements: list[str] = []

    async def body() -> None:
        async with await Outbox.open(path) as outbox:
            await outbox._run(lambda connection: connection.set_trace_callback(statements.append))
            await outbox.append(messages(due))
            dispatcher = Dispatcher(outbox, sender, RetryPolicy(concurrency=2))
            task = asyncio.create_task(dispatcher.run())
            await until(lambda: sender.in_flight == min(due, 2))
            async with asyncio.timeout(PATIENCE):
                seen = -1
                while seen != len(statements):
                    seen = len(statements)
                    await asyncio.sleep(0.1)
            dispatcher.stop(grace=0)
            await task

    asyncio.run(body())


# --- stopping and failing


def test_stop_lets_what_is_in_flight_finish(path: Path) -> None:
    async def body() -> None:
        answered = asyncio.Event()

        async def answer(_: str) -> None:
            await answered.wait()

        sender = FakeSender(answer)
        async with await Outbox.open(path) as outbox:
            await outbox.append(messages(3))
            dispatcher = Dispatcher(outbox, sender, RetryPolicy(concurrency=2))
            task = asyncio.create_task(dispatcher.run())
            await until(lambda: sender.in_flight == 2)
            dispatcher.stop(grace=PATIENCE)
            answered.set()
            await task
            assert await outbox.counts() == counts(pending=1, delivered=2)

    asyncio.run(body())


def test_what_is_not_finished_in_time_stays_pending(path: Path) -> None:
    sender = FakeSender(lambda _: asyncio.sleep(10 * PATIENCE))

    async def body() -> None:
        async with await Outbox.open(path) as outbox:
            await outbox.append(messages(1))
            dispatcher = Dispatcher(outbox, sender, FAST)
            task = asyncio.create_task(dispatcher.run())
            await until(lambda: sender.in_flight == 1)
            dispatcher.stop(grace=0.01)
            await asyncio.wait_for(task, PATIENCE)
            (event,) = await outbox.due(time.time(), 10)
            assert event.attempts == 0

    asyncio.run(body())


def test_a_failed_delivery_does_not_hold_up_the_stop(path: Path) -> None:
    sender = failing(DeliveryError("HTTP 500"))

    async def body() -> None:
        async with await Outbox.open(path) as outbox:
            await outbox.append(messages(1))
            dispatcher = Dispatcher(outbox, sender, RetryPolicy(first_delay=10 * PATIENCE))
            task = asyncio.create_task(dispatcher.run())
            await until(lambda: list_events(path)[0].attempts == 1)
            dispatcher.stop(grace=10 * PATIENCE)
            await asyncio.wait_for(task, PATIENCE)

    asyncio.run(body())


def test_a_defect_ends_the_run_loudly_and_loses_nothing(path: Path) -> None:
    broken: list[Sender] = [failing(RuntimeError("a defect")), FakeSender()]

    async def body() -> None:
        async with await Outbox.open(path) as outbox:
            await outbox.append(messages(20))
            with pytest.raises(ExceptionGroup) as caught:
                await Dispatcher(outbox, broken[0], RetryPolicy(concurrency=4)).run()
            assert caught.group_contains(RuntimeError, match="a defect")
            assert await outbox.counts() == counts(pending=20)
            async with running(Dispatcher(outbox, broken[1], FAST)):
                await all_are(outbox, "delivered", 20)

    asyncio.run(body())


def test_it_can_be_run_again_after_a_failure(path: Path) -> None:
    defects = iter([RuntimeError("a defect")])

    async def fail_once(_: str) -> None:
        for defect in defects:
            raise defect

    async def body() -> None:
        async with await Outbox.open(path) as outbox:
            await outbox.append(messages(20))
            dispatcher = Dispatcher(outbox, FakeSender(fail_once), RetryPolicy(concurrency=4))
            with pytest.raises(ExceptionGroup):
                await dispatcher.run()
            async with running(dispatcher):
                await all_are(outbox, "delivered", 20)

    asyncio.run(body())


def test_a_failure_that_is_not_the_outbox_s_or_the_far_end_s_ends_the_run(path: Path) -> None:
    async def body() -> None:
        async with await Outbox.open(path) as outbox:

            async def close(_: str) -> None:
                await outbox.close()

            await outbox.append(messages(1))
            with pytest.raises(ExceptionGroup) as caught:
                await Dispatcher(outbox, FakeSender(close), FAST).run()
            assert caught.group_contains(RuntimeError, match="closed")

    asyncio.run(body())
