"""Events of ONVIF as XML: what is in a NotificationMessage of a metadata stream or of an answer to PullMessages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from platewatch.formats.shapes import at, each


class Notification(NamedTuple):
    """An event; items by name, elements as they stand."""

    topic: str
    time: object
    source: dict[str, Any]
    data: dict[str, Any]


def notifications(tree: Any) -> Iterator[Notification]:
    """All that stand somewhere in it."""
    for notification in named(tree, "NotificationMessage"):
        topic = at(notification, "Topic.#text") or at(notification, "Topic")
        message = at(notification, "Message.Message") or at(notification, "Message")
        yield Notification(
            topic if isinstance(topic, str) else "",
            at(message, "@UtcTime"),
            items(at(message, "Source")),
            items(at(message, "Data")),
        )


def items(holder: Any) -> dict[str, Any]:
    """The values of SimpleItems, and what is in ElementItems, by name."""
    found: dict[str, Any] = {}
    for one in each(holder):
        if not isinstance(one, dict):
            continue
        for item in each(one.get("SimpleItem")):
            if isinstance(item, dict) and isinstance(item.get("@Name"), str):
                found[item["@Name"]] = item.get("@Value")
        for item in each(one.get("ElementItem")):
            if isinstance(item, dict):
                found |= {name: value for name, value in item.items() if not name.startswith("@")}
    return found


def named(tree: Any, name: str) -> Iterator[Any]:
    """Each element of this name, in the order of the document, but for those within another."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key == name:
                yield from each(value)
            else:
                yield from named(value, name)
    elif isinstance(tree, list):
        for value in tree:
            yield from named(value, name)
