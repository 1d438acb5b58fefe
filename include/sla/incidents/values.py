"""The values of incidents."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from include.sla.contract import SlaType


class Kind(StrEnum):
    """What is broken: windows of a definition, a run that hangs, or a part of the platform that is silent."""

    WINDOW = "window"
    RUN = "run"
    PLATFORM = "platform"


class Event(StrEnum):
    """What is told of an incident; each at most once."""

    OPENED = "opened"
    ESCALATED = "escalated"
    RECOVERED = "recovered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An incident that is to be opened. ``subject`` tells it from others of its kind; ``promise`` is in words."""

    kind: Kind
    subject: str
    name: str
    owner: str
    channel: str
    severity: str
    promise: str
    due_at: datetime
    cause: str
    url: str | None = None
    windows: int = 0
    definition_id: int | None = None
    sla_type: SlaType | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident(Draft):
    """A row of ``cali.sla_incidents``.

    ``recovery`` says how it ended. ``completed_at`` is when the last of its windows was completed, where one was.
    """

    incident_id: int
    opened_at: datetime
    escalated_at: datetime | None = None
    recovered_at: datetime | None = None
    recovery: str | None = None
    completed_at: datetime | None = None

    def late(self, now: datetime) -> timedelta:
        """Return how late it is, or was in the end."""
        return (self.completed_at or self.recovered_at or now) - self.due_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A definition that people may have to be told of: its newest version, what is untold, and its open incident.

    ``first_window`` and ``due_at`` are the first untold violation's (None: nothing is untold). ``promised`` is false
    once the definition is disabled or deleted; ``caught_up`` is whether its newest judged window was completed, and
    ``completed_at`` when, where it was a violation. ``forgiven`` says that none of the incident's windows is
    a violation any more.
    """

    definition_id: int
    pipeline_name: str
    sla_type: SlaType
    deadline_minutes: int
    time_zone: str
    owner: str
    slack_channel: str
    severity: str
    escalation_channel: str | None
    escalate_after_minutes: int
    promised: bool
    caught_up: bool
    completed_at: datetime | None
    untold: int
    first_window: datetime | None
    due_at: datetime | None
    incident_id: int | None
    opened_at: datetime | None
    escalated_at: datetime | None
    acknowledged: bool
    forgiven: bool = False
