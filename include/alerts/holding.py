"""What is held back, and by whom: silences, groups that mute others, and storms. All of it is pure.

A group that is held back keeps its message in the outbox, where nobody claims it. Once nothing holds the group any
more, the message goes out and shows what was counted meanwhile; a group that is resolved before then never had one.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from include.alerts.event import HOLDERS
from include.alerts.group import AlertGroup, State
from include.alerts.growth import NOT_STORED, Change
from include.alerts.muting import Inhibition, Lead, Silence
from include.alerts.settings import AlertSettings

STORM = "storm:"

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Scene:
    """What holds groups back at a moment.

    ``silences`` have not ended, ``inhibitions`` are switched on. ``open_groups`` are those that may mute others.
    ``openings`` counts, for each channel, the groups that were opened within ``settings.storm_window`` and that nothing
    but a storm holds.
    """

    silences: Sequence[Silence] = ()
    inhibitions: Sequence[Inhibition] = ()
    open_groups: Sequence[Lead] = ()
    openings: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hold:
    """Who holds a group back, and what people are told of it."""

    by: str
    why: str


def hold(
    known: Sequence[AlertGroup], changes: Sequence[Change], scene: Scene, now: datetime, settings: AlertSettings
) -> list[Change]:
    """Return the changes with what holds each group back now, those of groups that were held or let go included."""
    by_key = {_key(group): Change(group) for group in known if group.category not in HOLDERS}
    by_key |= {_key(change.group): change for change in changes}
    leads = {(lead.stream, lead.fingerprint): lead for lead in scene.open_groups}
    leads |= {key: lead_of(change.group) for key, change in by_key.items() if change.group.state is not State.RESOLVED}
    held: dict[Key, Change] = {}
    for key, change in by_key.items():
        if change.group.category in HOLDERS:
            held[key] = change
            continue
        found = _hold_of(change.group, scene, leads, now)
        held[key] = _held(change, found, now)
        if key in leads:
            leads[key] = lead_of(held[key].group)
    held |= _stormed(list(held.values()), scene, now, settings)
    touched = {_key(change.group) for change in changes}
    before = {_key(group): group for group in known}
    return [change for key, change in held.items() if key in touched or change.group != before.get(key)]


def _hold_of(group: AlertGroup, scene: Scene, leads: Mapping[Key, Lead], now: datetime) -> Hold | None:
    """Return the silence or the group that holds a group back; a storm that does is looked at afterwards."""
    if group.state is State.RESOLVED:
        return None
    for silence in scene.silences:
        if silence.until > now and silence.matcher.matches(group):
            return Hold(
                silence.key, f"silenced by {silence.who} until {silence.until:%Y-%m-%d %H:%M} UTC: {silence.why}"
            )
    for rule in scene.inhibitions:
        if rule.target.matches(group):
            for key, lead in leads.items():
                # Who is mute himself mutes nobody: of two that mean each other, one is told.
                is_cause = key != _key(group) and lead.held_by is None and rule.source.matches(lead)
                if is_cause:
                    return Hold(f"group:{'/'.join(key)}", f"behind {lead.service}: {lead.title}")
    if group.held_by and group.held_by.startswith(STORM):
        return Hold(group.held_by, group.held_why or "")
    return None


def _held(change: Change, found: Hold | None, now: datetime) -> Change:
    group = change.group
    if (group.held_by, group.held_why) == ((found.by, found.why) if found else (None, None)):
        return change
    since = group.held_since if found and group.held_by == found.by else now
    if found:
        first = group.first_held_at or now
        held = replace(group, held_by=found.by, held_why=found.why, held_since=since, first_held_at=first)
        return replace(change, group=held)
    untold = group.state is State.RESOLVED and group.announced_at is None
    free = replace(group, held_by=None, held_why=None, held_since=None)
    return replace(change, group=free, withdrawn=change.withdrawn or untold)


def _stormed(held: Sequence[Change], scene: Scene, now: datetime, settings: AlertSettings) -> dict[Key, Change]:
    """Hold the new groups of a channel where too many open at once, or too many of a backlog."""
    fresh = [change for change in held if change.group.held_by is None and _is_fresh(change.group, now, settings)]
    added: Counter[str] = Counter(change.group.channel for change in fresh if change.group.id == NOT_STORED)
    stale: Counter[str] = Counter(change.group.channel for change in held if _is_stale(change.group, now, settings))
    result: dict[Key, Change] = {}
    for change in fresh:
        channel = change.group.channel
        many = added[channel] + scene.openings.get(channel, 0) > settings.storm_groups
        late = stale[channel] > settings.backlog_groups and _is_stale(change.group, now, settings)
        if many or late:
            why = "one of many that opened at once" if many else "part of a backlog"
            result[_key(change.group)] = _held(change, Hold(STORM + channel, why), now)
    return result


def _is_fresh(group: AlertGroup, now: datetime, settings: AlertSettings) -> bool:
    unsent = group.announced_at is None and group.state is not State.RESOLVED and group.category not in HOLDERS
    return unsent and group.opened_at > now - settings.storm_window


def _is_stale(group: AlertGroup, now: datetime, settings: AlertSettings) -> bool:
    """Whether a new group's records waited long in the stream: they tell of what was."""
    late = now - group.latest_arrived_at > settings.backlog_after
    storms = group.held_by is None or group.held_by.startswith(STORM)
    return late and storms and _is_fresh(group, now, settings)


def release(
    held: Sequence[AlertGroup], openings: Mapping[str, int], now: datetime, settings: AlertSettings
) -> list[AlertGroup]:
    """Return groups that a storm holds no longer: they still go on, and their channel has room again.

    The most urgent come first, and at most ``settings.storm_groups`` of a channel at a time.
    """
    room = {group.channel: settings.storm_groups for group in held if not _is_stormy(group, openings, settings)}
    let_go: list[AlertGroup] = []
    for group in sorted(held, key=lambda one: (one.severity_rank, -one.count)):
        goes_on = (
            group.opened_at <= now - settings.storm_window
            and group.updated_at > now - settings.young_for
            and group.updated_at > group.opened_at
            and now - group.latest_arrived_at <= settings.backlog_after
        )
        if goes_on and room.get(group.channel, 0):
            room[group.channel] -= 1
            let_go.append(replace(group, held_by=None, held_why=None, held_since=None))
    return let_go


def _is_stormy(group: AlertGroup, openings: Mapping[str, int], settings: AlertSettings) -> bool:
    return openings.get(group.channel, 0) > settings.storm_groups


def lead_of(group: AlertGroup) -> Lead:
    """Return what a matcher looks at of a group; a storm mutes a group, but not what the group itself mutes."""
    mute = group.held_by if group.held_by and not group.held_by.startswith(STORM) else None
    return Lead(group.stream, group.fingerprint, group.severity, group.service, group.services, group.title, mute)


def _key(group: AlertGroup) -> Key:
    return group.stream, group.fingerprint
