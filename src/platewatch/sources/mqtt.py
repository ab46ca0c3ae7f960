"""Sources by MQTT: a broker's messages, acknowledged to it when their hits are on disk."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import aiomqtt
import structlog
from msgspec import Meta

from platewatch.broker import Broker, BrokerSettings
from platewatch.sources.transport import Health, Takes

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


class MqttSettings(BrokerSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`topics` may have wildcards. The broker keeps what comes while the service is away for the `client_id`: no two
    services may have the same.
    """

    topics: Annotated[tuple[Annotated[str, Meta(min_length=1)], ...], Meta(min_length=1)]
    client_id: Annotated[str, Meta(min_length=1, max_length=200)]


class MqttSubscription:
    """Follows a broker's topics, with a session that the broker keeps."""

    def __init__(self, settings: MqttSettings, source: Takes) -> None:
        self._settings = settings
        self._source = source
        self._broker = Broker(settings)
        self._health = Health()

    def status(self) -> dict[str, Any]:
        """Whether it is connected, and if not why."""
        return {"connected": self._health.connected, "failure": self._health.failure}

    async def follow(self) -> None:
        """Until cancelled; a connection that breaks is made again."""
        while True:
            try:
                await self._listen()
                failure = "ended"
            except (aiomqtt.MqttError, OSError) as error:
                failure = type(error).__name__  # its text may quote a message
            delay = self._health.is_lost(failure)
            _log.warning("broker lost", source=self._source.name, error=failure, retry_in=delay)
            await asyncio.sleep(delay)

    async def _listen(self) -> None:
        client = self._broker.client(identifier=self._settings.client_id, clean_session=False)
        # By default a message is acknowledged before it is worked on, and lost if the service then dies.
        session = client._client
        session.manual_ack_set(on=True)
        async with client:
            for topic in self._settings.topics:
                await client.subscribe(topic, qos=1)
            self._health.is_well()
            _log.info("broker followed", source=self._source.name)
            async for message in client.messages:
                payload = message.payload
                body = payload if isinstance(payload, bytes) else str(payload or "").encode()
                await self._health.taken(self._source, body, {}, str(message.topic))
                if message.qos:
                    session.ack(message.mid, message.qos)
