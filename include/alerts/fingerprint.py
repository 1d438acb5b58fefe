"""What makes two records the same problem.

A fingerprint's value never moves: it is a hash over what is named here and over the version of its rule. A better rule
is a new version with new values, for messages of that rule alone; a group that is open by then goes on under its former
value until it closes.
"""

import hashlib
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import lru_cache

from include.alerts.event import EXPECTATIONS, REASON, SUITE, AlertEvent, Category, severity_of
from include.alerts.former import message_value
from include.alerts.masking import shape, template
from include.alerts.redaction import may_stand_in, stand_in
from include.alerts.traces import Section, sections

VERSION = 3
"""Of the whole: it tells which groups were opened under former rules."""
_UNCHANGED = "1"
_MESSAGE_RULE = "2"
# Of a line that long the secrets are looked for; masking reads less of it.
_LONGEST_LINE = 4_096

OpenGroups = AbstractSet[tuple[str, str]]
"""Streams and fingerprints of groups that a former version opened."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The identity of a problem: ``value`` is 32 hex digits, ``title`` is one line without variable parts.

    ``version`` is that of the algorithm when a group is opened with it.
    """

    value: str
    version: int
    title: str


def fingerprint(event: AlertEvent, former: OpenGroups = frozenset()) -> Fingerprint:
    """Return an event's fingerprint; the stream is no part of it, a store keeps each stream's groups apart.

    A failed suite is known by its stream, name and failed expectations; a gap by its stream and reason; a record by
    what its stream groups by, if it does; a stack trace (Java or Python, in its own field or inside the message) by its
    chain of exceptions and the application's own frames; anything else by service, level and the shape of its message.
    An event that belongs to one of the ``former`` groups gets that group's fingerprint.
    """
    if event.category is Category.QUALITY:
        suite, expectations = event.attributes[SUITE], event.attributes[EXPECTATIONS]
        return _of((_UNCHANGED, "quality", event.stream, suite, expectations), event.title)
    if event.category is Category.GAP:
        return _of((_UNCHANGED, "gap", event.stream, event.attributes[REASON]), event.title)
    if event.group_by:
        return _of((_UNCHANGED, "given", *event.group_by), event.title)
    chain = sections(event.stack_trace) if event.stack_trace else ()
    if not chain and "\n" in event.message:
        chain = sections(event.message)
    found = _of_trace(chain) if chain else _of_message(event)
    if not former or (event.stream, found.value) in former:
        return found
    return next((old for old in _former(event, chain) if (event.stream, old.value) in former), found)


def message_fingerprint(service: str, severity: str, line: str) -> Fingerprint:
    """Return the fingerprint of a message without a stack trace; ``severity`` is a level's usual name."""
    return _of_template(service, severity, _template(line))


def _of_message(event: AlertEvent) -> Fingerprint:
    return message_fingerprint(event.service, severity_of(event.severity), _line(event))


def _line(event: AlertEvent) -> str:
    return event.message if template(event.message) else event.title


def _template(line: str) -> str:
    """Return the line's template without secrets: what is hidden from people makes no two groups of one."""
    masked = template(line)
    if not may_stand_in(masked):
        return masked
    return template(stand_in(line.lstrip().partition("\n")[0][:_LONGEST_LINE]))


@lru_cache(maxsize=20_000)
def _of_template(service: str, severity: str, masked: str) -> Fingerprint:
    return _of((_MESSAGE_RULE, "message", service, severity, shape(masked)), masked or "(empty message)")


def _former(event: AlertEvent, chain: tuple[Section, ...]) -> Iterator[Fingerprint]:
    """Yield the event's fingerprints under the former versions: 2 left secrets in, 1 had other masks, too."""
    if chain:
        yield replace(_of_chain(chain), version=2)
        return
    line, severity = _line(event), severity_of(event.severity)
    second = _of_template(event.service, severity, template(line))
    yield replace(second, version=2)
    yield replace(second, value=message_value(event.service, severity, line), version=1)


@lru_cache(maxsize=20_000)
def _of_trace(chain: tuple[Section, ...]) -> Fingerprint:
    """Return a trace's fingerprint; it may begin with a sentence instead of a type, and no secret tells that apart."""
    return _of_chain(tuple(replace(section, exception=stand_in(section.exception)) for section in chain))


def _of_chain(chain: tuple[Section, ...]) -> Fingerprint:
    root = chain[0]
    parts = [part for section in chain for part in (section.exception, *section.frames)]
    frames = [frame for section in chain for frame in section.frames]
    where = f" in {frames[0]}" if frames else ""
    return _of((_UNCHANGED, "trace", *parts), f"{root.exception.rpartition('.')[2] or 'Exception'}{where}")


@lru_cache(maxsize=20_000)
def _of(parts: tuple[str, ...], title: str) -> Fingerprint:
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
    return Fingerprint(digest[:32], VERSION, title)
