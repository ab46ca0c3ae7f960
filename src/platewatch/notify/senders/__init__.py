"""The ways to a far end. Each is one file here, its settings and what sends, and a row of `SENDERS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, TypeAlias

from platewatch.notify.senders.base import DeliveryError as DeliveryError
from platewatch.notify.senders.base import Sender as Sender
from platewatch.notify.senders.command import CommandSender, CommandSettings
from platewatch.notify.senders.file import FileSender, FileSettings
from platewatch.notify.senders.https import HttpsSender
from platewatch.notify.senders.https import HttpsSettings as HttpsSettings
from platewatch.notify.senders.mqtt import MqttSender, MqttSettings

SenderSettings: TypeAlias = HttpsSettings | FileSettings | CommandSettings | MqttSettings
"""Told apart by their `kind`."""

SENDERS: Final[Mapping[type, Callable[[Any], AbstractAsyncContextManager[Sender]]]] = {
    HttpsSettings: HttpsSender,
    FileSettings: FileSender,
    CommandSettings: CommandSender,
    MqttSettings: MqttSender,
}


def open_sender(settings: SenderSettings) -> AbstractAsyncContextManager[Sender]:
    """What sends as the settings say, while its block lasts; inside a running event loop. Raises ConfigError."""
    return SENDERS[type(settings)](settings)
