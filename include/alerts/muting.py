"""Who may be told what: matchers, silences, and groups that mute others."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol

from include.errors import ConfigurationError

SHORTEST_FINGERPRINT = 8
"""Hex digits of a fingerprint that are enough; a message shows twelve."""


class Matchable(Protocol):
    """What a matcher looks at: an ``AlertGroup``, or as much of one as this."""

    @property
    def stream(self) -> str: ...  # noqa: D102
    @property
    def services(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def service(self) -> str: ...  # noqa: D102
    @property
    def severity(self) -> str: ...  # noqa: D102
    @property
    def fingerprint(self) -> str: ...  # noqa: D102
    @property
    def title(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Lead:
    """What a matcher looks at of a group, and nothing else of it."""

    stream: str
    fingerprint: str
    severity: str
    service: str
    services: tuple[str, ...]
    title: str
    held_by: str | None = None


@dataclass(frozen=True, slots=True)
class Matcher:
    """Which groups: every field that is given must match, without case; ``*`` stands for any characters.

    ``service`` must match every service of the group, so that nobody silences another's trouble along with his own.
    ``fingerprint`` may be the beginning of one, of eight digits or more.
    """

    stream: str | None = None
    service: str | None = None
    level: str | None = None
    fingerprint: str | None = None
    title: str | None = None

    def __post_init__(self) -> None:
        """Refuse a matcher that would match everything."""
        if not any(getattr(self, field.name) for field in fields(self)):
            raise ConfigurationError(
                "Nothing says which groups are meant: fill in stream, service, level, fingerprint or title"
            )
        if self.fingerprint and len(self.fingerprint) < SHORTEST_FINGERPRINT:
            raise ConfigurationError(
                f"fingerprint={self.fingerprint!r} is too short: give {SHORTEST_FINGERPRINT} digits of it or more"
            )

    def matches(self, group: Matchable) -> bool:
        """Whether a group is meant."""
        services = group.services or (group.service,)
        return (
            like(self.stream, group.stream)
            and all(like(self.service, service) for service in services)
            and like(self.level, group.severity)
            and like(self.title, group.title)
            and (not self.fingerprint or group.fingerprint.startswith(self.fingerprint.lower()))
        )

    def __str__(self) -> str:
        """Say what is meant, as people would."""
        given = ((field.name, getattr(self, field.name)) for field in fields(self))
        return ", ".join(f"{name} {value}" for name, value in given if value)


@dataclass(frozen=True, slots=True)
class Silence:
    """A row of ``cali.alert_silences``: nobody is told of what matches, from ``created_at`` until ``until``."""

    id: int
    matcher: Matcher
    until: datetime
    who: str
    why: str

    @property
    def key(self) -> str:
        """What a group that it holds names as its holder."""
        return f"silence:{self.id}"


@dataclass(frozen=True, slots=True)
class Inhibition:
    """A row of ``cali.alert_inhibitions``: while a group of ``source`` is open, those of ``target`` are mute."""

    id: int
    source: Matcher
    target: Matcher
    who: str
    why: str


def matcher_of(row: Mapping[str, Any], prefix: str = "") -> Matcher:
    """Return the matcher of a row's columns, which begin with ``prefix``."""
    return Matcher(**{field.name: row[prefix + field.name] for field in fields(Matcher)})


def like(pattern: str | None, text: str) -> bool:
    """Whether a text is as a pattern says, without case; no pattern is like anything, and ``*`` is any characters."""
    return not pattern or _expression(pattern).fullmatch(text) is not None


@lru_cache(maxsize=1_000)
def _expression(pattern: str) -> re.Pattern[str]:
    """Return the expression of a pattern: a ``*`` is anything, and all else, brackets too, is itself."""
    return re.compile(".*".join(map(re.escape, pattern.strip().split("*"))), re.IGNORECASE | re.DOTALL)
