"""What is told of a definition, and when."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from include.sla.contract import SlaType
from include.sla.incidents.decide import CAUGHT_UP, RELEASED, events, recovery
from include.sla.incidents.values import Case, Event

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NEW = Case(
    definition_id=1,
    pipeline_name="logs_drain",
    sla_type=SlaType.REALTIME,
    deadline_minutes=5,
    time_zone="UTC",
    owner="cali",
    slack_channel="cali-alerts",
    severity="warning",
    escalation_channel="on-call",
    escalate_after_minutes=30,
    promised=True,
    caught_up=False,
    completed_at=None,
    untold=1,
    first_window=NOW - 5 * MINUTE,
    due_at=NOW,
    incident_id=None,
    opened_at=None,
    escalated_at=None,
    acknowledged=False,
)
OPEN = replace(NEW, untold=0, first_window=None, due_at=None, incident_id=7, opened_at=NOW)


@pytest.mark.parametrize(
    ("case", "minutes", "told"),
    [
        (NEW, 0, [Event.OPENED]),
        (replace(NEW, untold=9), 0, [Event.OPENED]),
        # The monitor was away and everything is over: both are told.
        (replace(NEW, caught_up=True), 0, [Event.OPENED, Event.RECOVERED]),
        (OPEN, 0, []),
        # What follows belongs to the open incident.
        (replace(OPEN, untold=3), 5, []),
        (replace(OPEN, caught_up=True), 5, [Event.RECOVERED]),
        (replace(OPEN, promised=False), 5, [Event.RECOVERED]),
        (OPEN, 29, []),
        (OPEN, 30, [Event.ESCALATED]),
        (replace(OPEN, escalated_at=NOW), 31, []),
        (replace(OPEN, acknowledged=True), 31, []),
        (replace(OPEN, escalation_channel=None), 31, []),
        (replace(OPEN, caught_up=True), 31, [Event.RECOVERED]),
    ],
)
def test_each_event_has_its_moment(case: Case, minutes: int, told: list[Event]) -> None:
    """A beginning, an end, and an escalation where nobody has answered in time."""
    assert events(case, NOW + minutes * MINUTE) == told


@pytest.mark.parametrize(
    ("changes", "words"),
    [({}, None), ({"caught_up": True}, CAUGHT_UP), ({"promised": False}, RELEASED)],
)
def test_an_end_says_how_it_came(changes: dict[str, Any], words: str | None) -> None:
    """By a completion, or because nothing is promised any more."""
    assert recovery(replace(OPEN, **changes)) == words
