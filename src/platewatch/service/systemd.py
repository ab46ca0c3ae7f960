"""What systemd is told, where it has started the service and asks for it (man sd_notify)."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog

_SHARE: Final = 3  # pings in the time after which the service is taken to hang

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


class Systemd:
    """Does nothing where nobody asks."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        is_for_us = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._watchdog = int(environment.get("WATCHDOG_USEC", "0")) / 1e6 if is_for_us else 0.0  # seconds

    def tell(self, *states: str) -> None:
        """As READY=1, STOPPING=1, STATUS=..."""
        if not self._address:
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
                notify.sendto("\n".join(states).encode(), address)
        except OSError as error:
            _log.warning("systemd cannot be told", reason=error.strerror)

    async def watch(self, is_alive: Callable[[], Awaitable[None]]) -> None:
        """Tell again and again that the service does not hang, each time that `is_alive` returns; until cancelled."""
        while self._address and self._watchdog:
            await is_alive()
            self.tell("WATCHDOG=1")
            await asyncio.sleep(self._watchdog / _SHARE)
