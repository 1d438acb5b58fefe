"""Groups that stand for what is held back: one message a silence and a storm, edited in place. All of it is pure."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from include.alerts.event import HOLDERS, Category
from include.alerts.group import NO_TREND, AlertGroup, State
from include.alerts.grouping import MOST_NAMES
from include.alerts.growth import NOT_STORED, Change, moved
from include.alerts.holding import STORM, Scene
from include.alerts.lifecycle import FIRST, Step, Transition
from include.alerts.muting import Silence

OWN_STREAM = "cali"
"""The stream of these groups."""
LISTED = 7
"""Groups that a summary lists; it counts the others. With the line that does so they fill a message."""


def summaries(known: Iterable[AlertGroup], held: Sequence[AlertGroup], scene: Scene, now: datetime) -> list[Change]:
    """Return the groups that stand for what silences and storms hold back: new, grown, or over.

    ``known`` may hold any groups, ``held`` are all that are held back.
    """
    before = {group.fingerprint: group for group in known if group.category in HOLDERS}
    by_holder: dict[str, list[AlertGroup]] = {}
    for group in held:
        by_holder.setdefault(group.held_by or "", []).append(group)
    names = {silence.key: silence for silence in scene.silences}
    changes: list[Change] = []
    for key, groups in by_holder.items():
        # A silence on what everybody can see already has nothing to say.
        to_tell = key in before or any(group.count > group.announced_count for group in groups)
        if to_tell and (key in names or key.startswith(STORM)):
            changes.append(_summary(before.get(key), key, names.get(key), groups, now))
    for key, group in before.items():
        if group.state is not State.RESOLVED and key not in by_holder and key not in names:
            changes.append(moved(Change(group), Step(State.RESOLVED, "nothing_held", _over(group)), now, None))
    return changes


def _summary(
    known: AlertGroup | None,
    key: str,
    silence: Silence | None,
    held: Sequence[AlertGroup],
    now: datetime,
) -> Change:
    first = min(held, key=lambda group: group.severity_rank)
    back = sum(group.count - group.announced_count for group in held)
    values: dict[str, Any] = {
        "severity": first.severity,
        "title": _title(silence, held),
        "first_seen": min(group.first_seen for group in held),
        "last_seen": max(group.last_seen for group in held),
        "services": tuple(sorted({name for group in held for name in group.services})[:MOST_NAMES]),
        "holding": said_of(held),
        "sample": _listed(held),
        "updated_at": now,
    }
    if known is None:
        category = Category.SILENCE if silence else Category.STORM
        group = replace(
            first,
            id=NOT_STORED,
            stream=OWN_STREAM,
            category=category,
            fingerprint=key,
            service=OWN_STREAM,
            state=FIRST.state,
            said="",
            count=max(back, 1),
            batches=1,
            replayed=0,
            opened_at=now,
            pods=(),
            versions=(),
            trend=NO_TREND,
            slack_channel=None,
            slack_ts=None,
            announced_count=0,
            announced_at=None,
            held_by=None,
            held_why=None,
            held_since=None,
            first_held_at=None,
            **values,
        )
        return Change(group, (Transition(None, FIRST, now),))
    grown = Change(replace(known, count=max(back, known.announced_count, 1), **values))
    if known.state is State.RESOLVED:
        return moved(grown, Step(State.REGRESSED, "holds_again", _title(silence, held)), now, None)
    return grown


def holding(known: Iterable[AlertGroup], held: Sequence[AlertGroup]) -> list[AlertGroup]:
    """Return the groups whose words on what they mute have changed."""
    by_holder: dict[str, list[AlertGroup]] = {}
    for group in held:
        by_holder.setdefault(group.held_by or "", []).append(group)
    found = [(group, by_holder.get(f"group:{group.stream}/{group.fingerprint}", [])) for group in known]
    words = [(group, said_of(mute) if mute else "") for group, mute in found if group.category not in HOLDERS]
    return [replace(group, holding=said) for group, said in words if group.holding != said]


def said_of(held: Sequence[AlertGroup]) -> str:
    """Say how much is held back: ``12 more in 3 services (2 groups)``."""
    back = sum(group.count - group.announced_count for group in held)
    services = {name for group in held for name in group.services or (group.service,)}
    return f"{back:,} more in {_many(len(services), 'service')} ({_many(len(held), 'group')})"


def _title(silence: Silence | None, held: Sequence[AlertGroup]) -> str:
    if silence:
        return f"Silenced by {silence.who} until {silence.until:%Y-%m-%d %H:%M} UTC: {silence.why}"
    return f"{_many(len(held), 'problem')} at once, told together"


def _listed(held: Sequence[AlertGroup]) -> str:
    first = sorted(held, key=lambda group: (group.severity_rank, -group.count))
    lines = [f"{group.count:,} x {group.severity} {group.service}: {group.title}" for group in first[:LISTED]]
    more = len(held) - LISTED
    return "\n".join([*lines, f"and {more:,} more groups"] if more > 0 else lines)


def _over(group: AlertGroup) -> str:
    return f"nothing is held back any more; it was {group.holding}"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
