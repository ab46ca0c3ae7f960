"""Where a list comes from and is kept current: feeds. Each is one file here, its settings and what fetches, and a row
of `FEEDS`; what others push is delta.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from platewatch.lists.feeds.base import Feed as Feed
from platewatch.lists.feeds.base import FeedError as FeedError
from platewatch.lists.feeds.delta import PushFeedSettings
from platewatch.lists.feeds.file import FileFeed, FileFeedSettings
from platewatch.lists.feeds.http import HttpFeed, HttpFeedSettings

FeedSettings: TypeAlias = FileFeedSettings | HttpFeedSettings | PushFeedSettings
"""Told apart by their `kind`."""

FEEDS: Final[Mapping[type, Callable[[Any, str | None], Feed]]] = {
    FileFeedSettings: FileFeed,
    HttpFeedSettings: HttpFeed,
}
"""What makes a feed of its settings and the time zone of times without an offset; pushed ones are not fetched."""
