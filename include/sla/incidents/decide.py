"""What is to be told of a definition: pure, over its case and the clock."""

from datetime import datetime, timedelta

from include.sla.incidents.values import Case, Event

CAUGHT_UP = "completed again"
FORGIVEN = "excused since"
RELEASED = "the service level was switched off"


def events(case: Case, now: datetime) -> list[Event]:
    """Return what is to be told now, in its order.

    Violations that follow while an incident is open belong to it and are told with its end. One that is over when it
    is first seen (the monitor itself was away) is opened and recovered at once.
    """
    told: list[Event] = []
    is_open = case.incident_id is not None
    if not is_open and case.untold:
        told.append(Event.OPENED)
        is_open = True
    if is_open and recovery(case) is not None:
        told.append(Event.RECOVERED)
    elif _is_to_be_escalated(case, now):
        told.append(Event.ESCALATED)
    return told


def recovery(case: Case) -> str | None:
    """Return how an incident of the case has ended, or None while it has not."""
    if case.caught_up:
        return CAUGHT_UP
    if case.forgiven and not case.untold:
        return FORGIVEN
    return None if case.promised else RELEASED


def _is_to_be_escalated(case: Case, now: datetime) -> bool:
    return (
        case.opened_at is not None
        and case.escalation_channel is not None
        and case.escalated_at is None
        and not case.acknowledged
        and now >= case.opened_at + timedelta(minutes=case.escalate_after_minutes)
    )
