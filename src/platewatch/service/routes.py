"""Who is told of a hit: routes, each with what it takes and the way to its far end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from msgspec import Meta, Struct

from platewatch.errors import ConfigError
from platewatch.notify.event import HitData
from platewatch.notify.senders import SenderSettings
from platewatch.service.policy import Grade

NOBODY: Final = "nobody"
"""The route of hits that no route takes: they wait in the outbox for somebody to see to it."""

Share = Annotated[float, Meta(ge=0, le=1)]
Minutes = Annotated[float, Meta(gt=0, le=7 * 24 * 60)]


class Escalation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A *notify* that nobody has seen `after` minutes goes to the route `to`, too."""

    to: str
    after: Minutes


class Route(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a far end is told, and how it is reached.

    Hits of the `categories` and of entries of the `agencies`, all where these are left out; of the `grades`, and from
    `min_probability` on, but for exact ones. `agency` says whose route it is: of its own covert entries it is told, and
    nobody else is.
    """

    to: SenderSettings
    categories: tuple[str, ...] | None = None
    agencies: tuple[str, ...] | None = None
    agency: str | None = None
    grades: Annotated[tuple[Grade, ...], Meta(min_length=1)] = ("notify", "check")
    min_probability: Share = 0.0
    unseen: Escalation | None = None

    def may_know(self, hit: HitData) -> bool:
        """Whether the hit is no secret to its far end."""
        return not hit.covert or self.agency == hit.agency

    def takes(self, hit: HitData) -> bool:
        """Whether its far end is told of this hit at once."""
        return (
            self.may_know(hit)
            and (self.categories is None or hit.category in self.categories)
            and (self.agencies is None or hit.agency in self.agencies)
            and hit.grade in self.grades
            and (hit.probability >= self.min_probability or (hit.edits == 0 and not hit.pattern))
        )


class Routes:
    """All routes, by name. Raises ConfigError for names that are none, and for escalations that lead nowhere."""

    def __init__(self, routes: Mapping[str, Route]) -> None:
        if not routes:
            raise ConfigError("at least one is needed: nobody would be told", field="routes")
        for name, route in routes.items():
            if name == NOBODY or not name.isprintable() or not name.strip():
                raise ConfigError(f"{name!r} cannot be a name", field="routes")
            if route.unseen is not None and (route.unseen.to not in routes or route.unseen.to == name):
                raise ConfigError(f"{route.unseen.to!r} is no other route", field=f"routes.{name}.unseen.to")
        self.by_name: Final = dict(routes)

    def of(self, hit: HitData) -> tuple[str, ...]:
        """The names of those that take this hit, or that of nobody's."""
        return tuple(name for name, route in self.by_name.items() if route.takes(hit)) or (NOBODY,)

    def taken_by_nobody(self, category: str, agency: str, *, covert: bool) -> bool:
        """Whether some hits of entries like this would have no route."""
        return not any(
            (route.categories is None or category in route.categories)
            and (route.agencies is None or agency in route.agencies)
            and (not covert or route.agency == agency)
            and "notify" in route.grades
            for route in self.by_name.values()
        )
