"""Which channel a group is told in: the first route that fits, by service, level and team."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from include.alerts.muting import like


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What is told in ``channel``: every field that is given must fit, without case; ``*`` stands for anything.

    ``team`` names one of the teams, which have the services that the settings list.
    """

    channel: str
    service: str | None = None
    level: str | None = None
    team: str | None = None


@dataclass(frozen=True, slots=True)
class Routing:
    """Routes in their order, and the services of each team, which may have a ``*``."""

    routes: Sequence[Route] = ()
    teams: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def channel(self, service: str, level: str, otherwise: str) -> str:
        """Return the channel for a record's group; ``otherwise`` where no route fits."""
        fitting = (route.channel for route in self.routes if self._fits(route, service, level))
        return next(fitting, otherwise)

    def _fits(self, route: Route, service: str, level: str) -> bool:
        services = self.teams.get(route.team, ()) if route.team else ("*",)
        return (
            like(route.service, service)
            and like(route.level, level)
            and any(like(pattern, service) for pattern in services)
        )


@dataclass(frozen=True, slots=True)
class Links:
    """Addresses of a batch's and of a record's page, if there are any.

    They may hold ``{stream}``, ``{batch_id}``, ``{shard_id}``, ``{sequence_number}`` and ``{sub_sequence}``.
    """

    batch: str | None = None
    record: str | None = None
