"""What a batch makes of its groups: they grow, they are opened, they go from state to state. Nothing here does I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from include.alerts.event import HOLDERS, AlertEvent, severity_rank
from include.alerts.group import AlertGroup, State
from include.alerts.grouping import LONGEST_SAMPLE, MOST_NAMES, GroupIncrement
from include.alerts.lifecycle import FIRST, Seen, Step, Tick, Transition, step
from include.alerts.rates import Trend
from include.alerts.settings import AlertSettings

NOT_STORED = 0
"""The number of a group that the store has not numbered yet."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one batch brings: at most one increment for each stream and fingerprint, and the run that brings it."""

    batch_id: str
    run_url: str | None
    increments: Sequence[GroupIncrement]


@dataclass(frozen=True, slots=True)
class Change:
    """A group as it is to be stored, and the transitions that led there, in their order.

    ``withdrawn`` says that its first message was held back until nobody needed it any more.
    """

    group: AlertGroup
    transitions: tuple[Transition, ...] = ()
    withdrawn: bool = False


def grow(known: Sequence[AlertGroup], batch: Batch, now: datetime, settings: AlertSettings) -> list[Change]:
    """Return every change that a batch makes: first of those whose time has come, then of the batch's own groups.

    ``known`` are the groups of the batch's fingerprints and those that ``settle`` has to look at.
    """
    changes = {_key(change.group): change for change in settle(known, now, settings)}
    by_key: Mapping[tuple[str, str], AlertGroup] = {_key(group): group for group in known}
    for increment in batch.increments:
        key = (increment.stream, increment.fingerprint.value)
        before = changes.get(key) or (Change(by_key[key]) if key in by_key else None)
        if before:
            changes[key] = _grown(before, increment, batch, now, settings)
        else:
            changes[key] = _opened(increment, batch, now, settings)
    return list(changes.values())


def settle(known: Sequence[AlertGroup], now: datetime, settings: AlertSettings) -> list[Change]:
    """Return what the passing of time alone makes of the groups; those that stay as they are are left out."""
    found = [(group, step(group, Tick(), now, settings)) for group in known if group.category not in HOLDERS]
    return [moved(Change(group), to, now, None) for group, to in found if to]


def _opened(increment: GroupIncrement, batch: Batch, now: datetime, settings: AlertSettings) -> Change:
    sample = increment.sample
    group = AlertGroup(
        id=NOT_STORED,
        stream=increment.stream,
        category=increment.category,
        fingerprint=increment.fingerprint.value,
        fingerprint_version=increment.fingerprint.version,
        severity=increment.severity,
        service=sample.service,
        title=increment.fingerprint.title,
        state=FIRST.state,
        said=FIRST.said,
        count=increment.count,
        replayed=increment.replayed,
        batches=1,
        first_seen=increment.first_seen,
        last_seen=increment.last_seen,
        opened_at=now,
        updated_at=now,
        closed_at=None,
        services=increment.services,
        pods=increment.pods,
        versions=increment.versions,
        trend=Trend().plus(increment.minutes),
        sample=_sample_text(sample),
        channel=settings.channel_for(increment.category, increment.stream, sample.service, increment.severity),
        slack_channel=None,
        slack_ts=None,
        announced_count=0,
        announced_at=None,
        **_origin(increment, batch),
    )
    return Change(group, (Transition(None, FIRST, now, batch.batch_id),))


def _grown(before: Change, increment: GroupIncrement, batch: Batch, now: datetime, settings: AlertSettings) -> Change:
    known = before.group
    trend = known.trend.plus(increment.minutes)
    to = step(known, Seen(increment.first_seen, increment.versions, trend), now, settings)
    group = replace(
        known,
        fingerprint_version=max(known.fingerprint_version, increment.fingerprint.version),
        severity=min(known.severity, increment.severity, key=severity_rank),
        count=known.count + increment.count,
        replayed=known.replayed + increment.replayed,
        batches=known.batches + 1,
        first_seen=min(known.first_seen, increment.first_seen),
        last_seen=max(known.last_seen, increment.last_seen),
        updated_at=max(known.updated_at, now),
        services=_joined(known.services, increment.services),
        pods=_joined(known.pods, increment.pods),
        versions=_joined(known.versions, increment.versions),
        trend=trend,
        **_origin(increment, batch),
    )
    grown = replace(before, group=group)
    return moved(grown, to, now, batch.batch_id) if to else grown


def moved(change: Change, to: Step, now: datetime, batch_id: str | None) -> Change:
    """Return the change with one more step; who was at it has done so when the group is resolved."""
    group = replace(change.group, state=to.state, said=to.said, rate_bound=to.bound)
    if to.state is State.RESOLVED:
        group = replace(group, closed_at=now, acknowledged_by=None, acknowledged_at=None, acknowledged_why=None)
    if to.state is State.REGRESSED:
        group = replace(group, closed_at=None, reopened_at=now, occurrences=group.occurrences + 1)
    steps = (*change.transitions, Transition(change.group.state, to, now, batch_id))
    return replace(change, group=group, transitions=steps)


def _origin(increment: GroupIncrement, batch: Batch) -> dict[str, Any]:
    identity = increment.sample.identity
    return {
        "batch_id": batch.batch_id,
        "run_url": batch.run_url,
        "latest_shard_id": identity.shard_id,
        "latest_sequence_number": identity.sequence_number,
        "latest_sub_sequence": identity.sub_sequence,
        "latest_arrived_at": increment.sample.arrived_at,
    }


def _key(group: AlertGroup) -> tuple[str, str]:
    return group.stream, group.fingerprint


def _joined(known: tuple[str, ...], fresh: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({*known, *fresh})[:MOST_NAMES])


def _sample_text(event: AlertEvent) -> str:
    """Return the message and the head of its stack trace, unless the message holds the trace already."""
    if not event.stack_trace or event.stack_trace in event.message:
        return event.message
    return f"{event.message}\n{event.stack_trace}"[:LONGEST_SAMPLE]
