from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from random import Random

import aiohttp
import msgspec
import pytest

from platewatch.notify import Signer
from platewatch.notify.simulator import Faults, Summary, WassSimulator

from .support import OTHER_SECRET, SECRET, hit_data, message

NOW = 1_795_400_000.0
ID, BODY, *_ = message()

Test = Callable[[WassSimulator, aiohttp.ClientSession], Awaitable[None]]


def run(test: Test, faults: Faults | None = None) -> None:
    """Run the test with a simulator whose clock stands still, and a client of it."""

    async def body() -> None:
        simulator = WassSimulator([SECRET], faults=faults, random=Random(1), clock=lambda: NOW)
        async with simulator.start(), aiohttp.ClientSession(simulator.url) as client:
            await test(simulator, client)

    asyncio.run(body())


async def post(client: aiohttp.ClientSession, message_id: str = ID, body: bytes = BODY, secret: str = SECRET) -> int:
    headers = Signer([secret]).headers(message_id, int(NOW), body)
    async with client.post("/events", data=body, headers=headers) as response:
        return response.status


async def summary(client: aiohttp.ClientSession) -> Summary:
    async with client.get("/events") as response:
        return msgspec.json.decode(await response.read(), type=Summary)


def test_it_counts_what_it_received() -> None:
    async def test(_: WassSimulator, client: aiohttp.ClientSession) -> None:
        assert await post(client) == await post(client) == await post(client, *message("W-2")[:2]) == 202
        seen = await summary(client)
        assert (seen.received, seen.distinct, seen.duplicates, seen.rejected) == (3, 2, 1, 0)
        first, second = seen.events
        assert (first.id, first.deliveries, first.data) == (ID, 2, hit_data())
        assert (second.deliveries, second.data) == (1, hit_data(entry_id="W-2"))
        assert first.received_at == datetime.fromtimestamp(NOW, UTC)

    run(test)


def test_it_forgets_on_delete() -> None:
    async def test(_: WassSimulator, client: aiohttp.ClientSession) -> None:
        await post(client)
        await post(client, secret=OTHER_SECRET)
        async with client.delete("/events") as response:
            assert response.status == 204
        assert await summary(client) == Summary(received=0, distinct=0, duplicates=0, rejected=0, events=[])

    run(test)


def test_it_rejects_a_wrong_signature() -> None:
    async def test(_: WassSimulator, client: aiohttp.ClientSession) -> None:
        assert await post(client, secret=OTHER_SECRET) == 401
        async with client.post("/events", data=BODY) as response:
            assert response.status == 401
            assert await response.text() == "webhook-id: missing"
        seen = await summary(client)
        assert (seen.received, seen.rejected) == (0, 2)

    run(test)


@pytest.mark.parametrize(("message_id", "body"), [(ID, b"{}"), (ID, b"\xff"), ("another id", BODY)])
def test_it_refuses_what_is_no_hit_event(message_id: str, body: bytes) -> None:
    async def test(_: WassSimulator, client: aiohttp.ClientSession) -> None:
        assert await post(client, message_id, body) == 400
        assert (await summary(client)).received == 0

    run(test)


@pytest.mark.parametrize(("faults", "status"), [(Faults(refuse=1), 403), (Faults(error=1), 500)])
def test_refuse_and_error_do_not_keep_the_event(faults: Faults, status: int) -> None:
    async def test(_: WassSimulator, client: aiohttp.ClientSession) -> None:
        assert await post(client) == status
        assert (await summary(client)).received == 0

    run(test, faults)


def test_delay_keeps_the_event_and_answers_later() -> None:
    async def test(_: WassSimulator, client: aiohttp.ClientSession) -> None:
        start = time.monotonic()
        assert await post(client) == 202
        assert time.monotonic() - start >= 0.1
        assert (await summary(client)).received == 1

    run(test, Faults(delay=1, delay_seconds=0.1))


def test_cut_keeps_the_event_and_answers_nothing() -> None:
    async def test(simulator: WassSimulator, client: aiohttp.ClientSession) -> None:
        with pytest.raises(aiohttp.ClientError):
            await post(client)
        assert simulator.summary().received == 1

    run(test, Faults(cut=1))


def test_twice_answers_twice() -> None:
    async def test(simulator: WassSimulator, _: aiohttp.ClientSession) -> None:
        port = int(simulator.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        headers = {
            **Signer([SECRET]).headers(ID, int(NOW), BODY),
            "Host": "simulator",
            "Content-Length": str(len(BODY)),
            "Connection": "close",
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"POST /events HTTP/1.1\r\n{head}\r\n".encode() + BODY)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        assert answer.count(b"HTTP/1.1 202 Accepted\r\n") == 2
        assert simulator.summary().received == 1

    run(test, Faults(twice=1))


def test_faults_change_while_it_runs() -> None:
    async def test(simulator: WassSimulator, client: aiohttp.ClientSession) -> None:
        async with client.put("/faults", data=b'{"error": 1.0}') as response:
            assert response.status == 204
        assert await post(client) == 500
        for wrong in (b"", b'{"erorr": 1}', b'{"error": 2}', b'{"error": 0.6, "cut": 0.6}'):
            async with client.put("/faults", data=wrong) as response:
                assert response.status == 400
        assert simulator.faults == Faults(error=1)

    run(test)


def test_faults_come_as_often_as_asked() -> None:
    faults, random = Faults(refuse=0.1, delay=0.1, error=0.2, cut=0.2, twice=0.3), Random(7)
    counts = Counter(faults.draw(random) for _ in range(10_000))
    for fault, share in {"refuse": 0.1, "delay": 0.1, "error": 0.2, "cut": 0.2, "twice": 0.3, None: 0.1}.items():
        assert counts[fault] == pytest.approx(10_000 * share, rel=0.1)  # type: ignore[index]
    assert [faults.draw(Random(3)) for _ in range(5)] == [faults.draw(Random(3)) for _ in range(5)]


def test_without_faults_there_are_none() -> None:
    random = Random(7)
    assert {Faults().draw(random) for _ in range(1000)} == {None}
    assert {Faults(cut=1).draw(random) for _ in range(1000)} == {"cut"}


def test_too_many_faults_are_refused() -> None:
    with pytest.raises(ValueError, match="sum to more than 1"):
        Faults(error=0.6, cut=0.6)
