"""Somebody is at a group: its message says so, and the channel is not called again for it until it is resolved."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from include.alerts.event import HOLDERS
from include.alerts.group import AlertGroup, State
from include.alerts.growth import Change
from include.alerts.lifecycle import Step, Transition
from include.alerts.mutes import By
from include.alerts.muting import Matcher


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which groups somebody means: one by its number, or all that match."""

    number: int | None = None
    matcher: Matcher | None = None

    def means(self, group: AlertGroup) -> bool:
        """Whether an open group is meant."""
        numbered = self.number is None or group.id == self.number
        return numbered and (self.matcher is None or self.matcher.matches(group))


def acknowledge(known: Sequence[AlertGroup], wanted: Wanted, by: By, now: datetime) -> list[Change]:
    """Return the changes of the groups that somebody is at now; whoever was first stands."""
    free = [group for group in known if group.state is not State.RESOLVED and group.acknowledged_by is None]
    meant = [group for group in free if group.category not in HOLDERS and wanted.means(group)]
    return [_taken(group, by, now) for group in meant]


def _taken(group: AlertGroup, by: By, now: datetime) -> Change:
    said = f"{by.who} is at it" + (f": {by.why}" if by.why else "")
    step = Step(group.state, "acknowledged", said, group.rate_bound)
    taken = replace(group, acknowledged_by=by.who, acknowledged_at=now, acknowledged_why=by.why or None)
    return Change(taken, (Transition(group.state, step, now),))
