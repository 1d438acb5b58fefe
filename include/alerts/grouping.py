"""A batch's events, folded into one increment a fingerprint."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

from include.alerts.event import AlertEvent, Category, seen_at, severity_of, severity_rank
from include.alerts.fingerprint import Fingerprint, OpenGroups, fingerprint, message_fingerprint
from include.alerts.rates import minute_of
from include.alerts.redaction import redact_head

# A group names this many services, pods and versions of each kind; a message has no room for more.
MOST_NAMES = 20
LONGEST_NAME = 200
LONGEST_SAMPLE = 8_000

# Postgres keeps no NUL and UTF-8 no lone surrogate; a log may hold both.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class GroupIncrement:
    """What one batch adds to one group.

    ``count`` records were seen between ``first_seen`` and ``last_seen``; ``severity`` is the most urgent of theirs;
    ``sample`` is the first of them. Every text can be stored and shown: secrets are redacted, unstorable characters
    replaced, lengths bounded. ``replayed`` of the records came by a replay: all or none. ``minutes`` are pairs of a
    minute's number and how many records happened in it.
    """

    stream: str
    category: Category
    fingerprint: Fingerprint
    severity: str
    count: int
    first_seen: datetime
    last_seen: datetime
    services: tuple[str, ...]
    pods: tuple[str, ...]
    versions: tuple[str, ...]
    sample: AlertEvent
    replayed: int = 0
    minutes: tuple[tuple[int, int], ...] = ()


def group_events(
    events: Iterable[AlertEvent], *, replayed: bool = False, former: OpenGroups = frozenset()
) -> list[GroupIncrement]:
    """Return one increment for each stream and fingerprint, in the order of first appearance.

    ``replayed`` says that the events are a replay's, so that their messages can say so too. ``former`` are the groups
    that are still open under a former version's fingerprint; they take what is theirs.

    The counts add up to the number of events: nothing is dropped.
    """
    members: dict[tuple[str, str], list[AlertEvent]] = {}
    prints: dict[tuple[str, str], Fingerprint] = {}
    for event in events:
        found = fingerprint(event, former)
        key = (event.stream, found.value)
        prints.setdefault(key, found)
        members.setdefault(key, []).append(event)
    return [_increment(prints[key], group, replayed=replayed) for key, group in members.items()]


def group_messages(messages: Sequence[str]) -> list[str]:
    """Return the group of each message, as alerts without a stack trace find it within one service and level."""
    return [message_fingerprint("", "", message).value for message in messages]


def _increment(found: Fingerprint, events: list[AlertEvent], *, replayed: bool) -> GroupIncrement:
    times = [seen_at(event) for event in events]
    first = events[0]
    return GroupIncrement(
        stream=first.stream,
        category=first.category,
        fingerprint=replace(found, title=_name(found.title)),
        severity=_most_urgent({event.severity for event in events}),
        count=len(events),
        first_seen=min(times),
        last_seen=max(times),
        services=_names(event.service for event in events),
        pods=_names(event.attributes.get("pod") for event in events),
        versions=_names(event.attributes.get("version") for event in events),
        sample=_sample(first),
        replayed=len(events) if replayed else 0,
        minutes=tuple(sorted(Counter(map(minute_of, times)).items())),
    )


def _most_urgent(levels: set[str]) -> str:
    names = sorted({severity_of(level) for level in levels})
    return _name(min(names, key=severity_rank))


def _names(values: Iterable[str | None]) -> tuple[str, ...]:
    names = sorted({value for value in values if value})[:MOST_NAMES]
    return tuple(sorted({_name(name) for name in names}))


def _sample(event: AlertEvent) -> AlertEvent:
    return replace(
        event,
        service=_name(event.service),
        title=_name(event.title),
        message=_storable(event.message, LONGEST_SAMPLE),
        stack_trace=_storable(event.stack_trace, LONGEST_SAMPLE) if event.stack_trace else None,
        attributes={},
    )


@lru_cache(maxsize=20_000)
def _name(text: str) -> str:
    """Return a name as it can be stored and shown; the same ones come in every batch."""
    return _storable(text, LONGEST_NAME)


def _storable(text: str, longest: int) -> str:
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", redact_head(text, longest))
