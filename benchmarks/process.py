"""Work in a process of its own, that stays: with another kernel, or with a memory that can be measured."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

Make = Callable[..., Callable[[], Any]]


class ProcessError(Exception):
    """What was raised in the other process."""


@contextmanager
def elsewhere(
    make: Make, *arguments: object, environment: Mapping[str, str] | None = None
) -> Iterator[Callable[[], Any]]:
    """A call that runs in another process what `make(*arguments)` returned there; the process ends with the block.

    `make` has to be a function of a module. Raises ProcessError for what it, or a call, raises.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    kept = dict(os.environ)
    os.environ.update(environment or {})
    try:
        process = context.Process(target=_serve, args=(there, make, arguments), daemon=True)
        process.start()
    finally:
        os.environ.clear()
        os.environ.update(kept)
    there.close()
    try:
        _answer(here)
        yield lambda: _ask(here)
    finally:
        here.close()
        process.join(10)


def timing(call: Callable[[], int]) -> tuple[int, float]:
    """What a call returns, and the seconds that it took."""
    started = time.perf_counter()
    answer = call()
    return answer, time.perf_counter() - started


def resident() -> int:
    """Bytes of memory that this process holds."""
    fields = Path("/proc/self/statm").read_text("ascii").split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


def _ask(connection: Connection) -> Any:
    connection.send(None)
    return _answer(connection)


def _answer(connection: Connection) -> Any:
    try:
        failed, answer = connection.recv()
    except EOFError:
        raise ProcessError("the process ended") from None
    if failed:
        raise ProcessError(answer)
    return answer


def _serve(connection: Connection, make: Make, arguments: tuple[object, ...]) -> None:
    try:
        call = make(*arguments)
        connection.send((False, None))
        while True:
            connection.recv()
            connection.send((False, call()))
    except EOFError:
        pass  # the other side is done
    except Exception as error:
        connection.send((True, f"{type(error).__name__}: {error}"))
