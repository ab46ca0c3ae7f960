"""Events to a program of this machine, which takes one on its standard input: for whatever has no sender here."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import Annotated, Final, Self

from msgspec import Meta, Struct

from platewatch.notify.senders.base import DeliveryError, Timeout

_REFUSED: Final = os.EX_DATAERR


class CommandSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="command"):
    """`command` is a program and its arguments, without a shell. It gets the event on its standard input, and its id as
    PLATEWATCH_EVENT_ID. Status 0 within `timeout` seconds acknowledges, 65 (EX_DATAERR) refuses for good, any other
    is tried again.
    """

    command: Annotated[tuple[str, ...], Meta(min_length=1)]
    timeout: Timeout = 30.0

    def check(self) -> None:
        """Nothing more than its types."""


class CommandSender:
    """Runs the program once an event. What it prints is dropped: it might quote the event."""

    def __init__(self, settings: CommandSettings) -> None:
        self._settings = settings

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def send(self, event_id: str, body: bytes) -> None:
        """Run it. Raises DeliveryError unless its status is 0."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._settings.command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env={**os.environ, "PLATEWATCH_EVENT_ID": event_id},
            )
        except OSError as error:
            raise DeliveryError(f"cannot run it: {error.strerror}") from None
        try:
            async with asyncio.timeout(self._settings.timeout):
                await process.communicate(body)
        except TimeoutError:
            raise DeliveryError("timeout") from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode:
            raise DeliveryError(f"status {process.returncode}", permanent=process.returncode == _REFUSED)
