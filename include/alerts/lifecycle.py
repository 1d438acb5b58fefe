"""What a group is, and what makes it something else: pure functions of its state, an event and the clock.

::

    (nothing) ──► new ──► ongoing ◄──► escalating
                   │         │             │
                   └─────────┴──► resolved ┘◄─┐
                                     │        │
                                     └──► regressed ──► ongoing, escalating

A transition is a row of ``cali.alert_transitions``, with its reason.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from include.alerts.group import AlertGroup, State
from include.alerts.mrkdwn import span
from include.alerts.rates import Trend
from include.alerts.settings import AlertSettings

YOUNG = frozenset({State.NEW, State.REGRESSED})


@dataclass(frozen=True, slots=True)
class Seen:
    """A batch brought records of the group, the first of them at ``first_seen``; ``trend`` holds them already."""

    first_seen: datetime
    versions: tuple[str, ...]
    trend: Trend


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed, and no batch brought anything."""


@dataclass(frozen=True, slots=True)
class Step:
    """Into which state a group goes, by which named reason, and what people are told of it.

    ``bound`` is the rate (records a minute) that an escalating group is over.
    """

    state: State
    reason: str
    said: str
    bound: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Transition:
    """A step of a group at ``at``; ``before`` is None for its first one. ``batch_id`` names the batch that made it."""

    before: State | None
    step: Step
    at: datetime
    batch_id: str | None = None


FIRST = Step(State.NEW, "first_sighting", "seen for the first time")


def step(group: AlertGroup, event: Seen | Tick, now: datetime, settings: AlertSettings) -> Step | None:
    """Return what the event makes of the group at ``now``, or None when it stays as it is.

    The reasons: ``quiet`` (nothing was added for ``settings.quiet_after``), ``came_back``, ``rate_over_bound``,
    ``rate_back`` (under half of that bound) and ``seen_again`` (it is no longer young).
    """
    if isinstance(event, Seen):
        if group.state is State.RESOLVED:
            return Step(State.REGRESSED, "came_back", _return(group, event))
        return _by_rate(group, event.trend, now, settings) or _of_age(group, now, settings)
    if group.state is State.RESOLVED:
        return None
    if is_quiet(group, now, settings):
        return Step(State.RESOLVED, "quiet", f"nothing new for {span(settings.quiet_after)}")
    return _by_rate(group, group.trend, now, settings) if group.state is State.ESCALATING else None


def is_quiet(group: AlertGroup, now: datetime, settings: AlertSettings) -> bool:
    """Whether nothing was added to the group for so long that a return is a new occurrence.

    It counts from when a batch was applied, not from when its records were written: a backlog of old records is one
    occurrence, however far apart they lie.
    """
    return group.updated_at <= now - settings.quiet_after


def _by_rate(group: AlertGroup, trend: Trend, now: datetime, settings: AlertSettings) -> Step | None:
    """Return the step up when the rate passes a bound, and the step down when it is under half of it again.

    A backlog's records happened before the window, so they are no rate.
    """
    rate = trend.rate(now, settings.rates.window)
    if group.state is State.ESCALATING:
        if rate > (group.rate_bound or 0.0) / 2:
            return None
        return Step(State.ONGOING, "rate_back", f"down to {rate:,.0f} a minute")
    bound = trend.bound(now, settings.rates)
    if bound is None or rate <= bound:
        return None
    said = f"{rate:,.0f} a minute, more than {bound:,.0f}"
    return Step(State.ESCALATING, "rate_over_bound", said, bound)


def _of_age(group: AlertGroup, now: datetime, settings: AlertSettings) -> Step | None:
    since = group.reopened_at or group.opened_at
    if group.state in YOUNG and now - since >= settings.young_for:
        return Step(State.ONGOING, "seen_again", f"for more than {span(settings.young_for)}")
    return None


def _return(group: AlertGroup, event: Seen) -> str:
    """Say after how long it is back, and in which version: a new one of the group, or the same as before."""
    away = max(event.first_seen - group.last_seen, timedelta(0))
    fresh = [version for version in event.versions if version not in group.versions]
    if fresh and group.versions:
        where = f", since version {fresh[0]} (before: {', '.join(group.versions[-3:])})"
    elif event.versions:
        where = f", in version {event.versions[0]}"
    else:
        where = ""
    return f"after {span(away)}{where}"
