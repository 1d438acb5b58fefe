"""What people are told of a change: rows for the outbox, of a group's message and of its thread."""

from collections.abc import Sequence
from datetime import datetime
from uuid import uuid4

from include.alerts.group import Action, AlertGroup, State, decide
from include.alerts.lifecycle import Transition
from include.alerts.outbox import Kind
from include.alerts.rendering import needs_details, render_transition
from include.alerts.rows import Row, message_row
from include.alerts.settings import AlertSettings

CALLING = frozenset({State.REGRESSED, State.ESCALATING})
"""States that the channel hears of, unless somebody is at it already; the others only the thread."""
UNTOLD = frozenset({"first_sighting", "seen_again"})
"""Reasons that the message itself tells, or that nobody needs to be told."""


def rows_to_tell(
    group: AlertGroup, transitions: Sequence[Transition], now: datetime, settings: AlertSettings
) -> list[Row]:
    """Return what goes into the outbox: the group's message or its edit, and a reply for each transition.

    A message that cannot be edited has no thread either: there, the next message says it all.
    """
    decision = decide(group, now, settings)
    rows: list[Row] = []
    if decision.action is not Action.NOTHING:
        rows.append(message_row(group, Kind(decision.action), decision.due_at, now))
    if group.slack_ts is not None:
        rows += [_reply(group, moved, now) for moved in transitions if moved.step.reason not in UNTOLD]
    return rows


def details_row(group: AlertGroup, now: datetime) -> Row | None:
    """Return the row of the reply that holds what the group's message had no room for, if there is any."""
    if group.slack_ts is None or not needs_details(group):
        return None
    return message_row(group, Kind.NOTE, now, now) | {"dedup_key": f"details:{group.id}:{group.slack_ts}"}


def _reply(group: AlertGroup, moved: Transition, now: datetime) -> Row:
    loud = moved.step.state in CALLING and not group.acknowledged_by and not group.held_by
    kind = Kind.CALL if loud else Kind.NOTE
    message = render_transition(group, moved)
    payload = {"text": message.text, "blocks": list(message.blocks)}
    return message_row(group, kind, now, now) | {"dedup_key": f"reply:{uuid4()}", "payload": payload}
