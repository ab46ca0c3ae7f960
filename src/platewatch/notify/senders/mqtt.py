"""Events to an MQTT broker, at QoS 1."""

from __future__ import annotations

from typing import Annotated, Self

import aiomqtt
from msgspec import Meta

from platewatch.broker import Broker, BrokerSettings
from platewatch.errors import ConfigError
from platewatch.notify.senders.base import DeliveryError, Timeout


class MqttSettings(BrokerSettings, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="mqtt"):
    """`topic` takes the events. The broker's acknowledgement within `timeout` seconds acknowledges: whether anybody
    listens there is the broker's to see to.
    """

    topic: Annotated[str, Meta(min_length=1)]
    timeout: Timeout = 10.0

    def check(self) -> None:
        """Raises ConfigError that names the setting."""
        super().check()
        if set(self.topic) & set("+#\0"):
            raise ConfigError("has a wildcard, and events go to one topic", field="topic")


class MqttSender:
    """Connects once an event, as hits are rare and a connection that has died in silence would hold one up."""

    def __init__(self, settings: MqttSettings) -> None:
        self._settings = settings
        self._broker = Broker(settings)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def send(self, event_id: str, body: bytes) -> None:
        """Publish the event. Raises DeliveryError unless the broker acknowledged it."""
        del event_id  # it is in the body
        settings = self._settings
        try:
            async with self._broker.client(timeout=settings.timeout) as client:
                await client.publish(settings.topic, body, qos=1, timeout=settings.timeout)
        except (aiomqtt.MqttError, OSError) as error:
            raise DeliveryError(type(error).__name__) from None
