"""The reads of the last minutes: kept, found again, forgotten, and not readable where memory is looked into."""

from __future__ import annotations

import gc
import random
from datetime import UTC, datetime, timedelta

import platewatch as pw
from platewatch.service.look_back import LookBack, LookBackSettings

START = datetime(2026, 11, 28, 3, tzinfo=UTC)


def reads(count: int, seed: int = 1) -> list[pw.Read]:
    """As networks send them: with a confidence for each character."""
    rng = random.Random(seed)
    found = []
    for number in range(count):
        text = f"{rng.randrange(100, 999)}{rng.choice('가나다라마')}{rng.randrange(10_000):04}"
        chars = [pw.Character(c=c, p=round(rng.uniform(0.3, 1), 4)) for c in text]
        time = START + timedelta(milliseconds=10 * number)
        found.append(pw.Read(text=text, chars=chars, engine="net", camera_id=f"GJ-{rng.randrange(1000):04}", time=time))
    return found


def kept(look_back: LookBack, now: datetime) -> list[pw.Read]:
    return [read for some in look_back.reads(now) for read in some]


def test_what_came_in_the_last_minutes_is_found_again() -> None:
    look_back = LookBack(LookBackSettings(minutes=10))
    sent = reads(3000)
    for place in range(0, 3000, 100):
        look_back.add(sent[place : place + 100], START + timedelta(seconds=place / 5))
    now = START + timedelta(minutes=10)
    assert kept(look_back, now) == sent, "whole, and in order"
    assert len(look_back) == 3000
    later = now + timedelta(minutes=5)
    assert kept(look_back, later) == sent[1500:]
    look_back.forget(later)
    assert 1500 <= len(look_back) < 3000
    look_back.forget(now + timedelta(minutes=11))
    assert (len(look_back), look_back.nbytes) == (0, 0)


def test_ten_minutes_of_a_hundred_reads_a_second_stay_under_30_mb() -> None:
    look_back = LookBack(LookBackSettings(minutes=10))
    for batch in range(60):
        look_back.add(reads(1000, batch), START + timedelta(seconds=10 * batch))
    assert len(look_back) == 60_000
    assert look_back.nbytes < 30e6


def test_it_never_holds_more_than_it_may() -> None:
    look_back = LookBack(LookBackSettings(minutes=60, max_bytes=1_000_000))
    sent = reads(60_000)
    for place in range(0, 60_000, 1000):
        look_back.add(sent[place : place + 1000], START)
        assert look_back.nbytes <= 1_000_000
    assert kept(look_back, START) == sent[-len(look_back) :], "the newest"


def test_no_plate_stands_in_memory_but_of_the_newest_reads() -> None:
    look_back = LookBack(LookBackSettings(minutes=10))
    look_back.add(reads(600), START)
    gc.collect()
    sealed = b"".join(chunk.sealed for chunk in look_back._chunks)
    assert len(sealed) > 5000
    assert not any(read.text.encode() in sealed for read in reads(600))
