"""Between the alerts' values and the columns of their tables."""

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from include.alerts.event import Category, severity_rank
from include.alerts.group import AlertGroup, State
from include.alerts.growth import Change
from include.alerts.lifecycle import Step, Transition
from include.alerts.outbox import Delivery, Kind, Notice, OutboxMessage
from include.alerts.rates import Trend, minute_of

Row = dict[str, Any]

_GROUP_FIELDS = tuple(field.name for field in fields(AlertGroup))
_MESSAGE_FIELDS = tuple(field.name for field in fields(OutboxMessage))
_NOT_SAVED = frozenset({"id", "slack_channel", "slack_ts", "announced_count", "announced_at", "announced_looks"})
"""What the answers from Slack write, and no batch."""


def group_row(change: Change) -> Row:
    """Return the parameters of ``alert_group_save``: the group as it is to be, and the transitions to note."""
    group = change.group
    kept = {name: getattr(group, name) for name in _GROUP_FIELDS if name not in _NOT_SAVED}
    return kept | {
        "severity_rank": group.severity_rank,
        "services": list(group.services),
        "pods": list(group.pods),
        "versions": list(group.versions),
        "trend": list(group.trend.counts),
        "trend_from": datetime.fromtimestamp(group.trend.first * 60, UTC),
        "transitions": [_transition_row(moved) for moved in change.transitions],
    }


def _transition_row(moved: Transition) -> Row:
    return {
        "from_state": moved.before,
        "to_state": moved.step.state,
        "reason": moved.step.reason,
        "said": moved.step.said,
        "at": moved.at.isoformat(),
        "batch_id": moved.batch_id,
    }


def message_row(group: AlertGroup, kind: Kind, due_at: datetime, now: datetime) -> Row:
    """Return the parameters of ``alert_outbox_add`` for a group's message; its text is rendered when it is sent."""
    return {
        "group_id": group.id,
        "kind": kind,
        "channel": group.channel,
        "severity_rank": group.severity_rank,
        "dedup_key": f"{kind}:{group.id}",
        "message_key": str(uuid4()),
        "payload": None,
        "cause_shard_id": group.latest_shard_id,
        "cause_sequence_number": group.latest_sequence_number,
        "cause_sub_sequence": group.latest_sub_sequence,
        "cause_arrived_at": group.latest_arrived_at,
        "due_at": due_at,
        "now": now,
    }


def notice_row(notice: Notice, now: datetime) -> Row:
    """Return the parameters of ``alert_outbox_add`` for a notice, which brings its text along."""
    return {
        "group_id": None,
        "kind": Kind.NOTICE,
        "channel": notice.channel,
        "severity_rank": severity_rank(notice.severity),
        "dedup_key": f"notice:{notice.dedup_key}",
        "message_key": str(uuid4()),
        "payload": {"text": notice.message.text, "blocks": list(notice.message.blocks)},
        "cause_shard_id": None,
        "cause_sequence_number": None,
        "cause_sub_sequence": None,
        "cause_arrived_at": None,
        "due_at": now,
        "now": now,
    }


def group_of(row: Row) -> AlertGroup:
    """Return the group of a row of ``cali.alert_groups``; columns that it has no field for are left out."""
    values = {name: row[name] for name in _GROUP_FIELDS}
    lists = {name: tuple(row[name]) for name in ("services", "pods", "versions")}
    kinds = {"category": Category(row["category"]), "state": State(row["state"])}
    trend = Trend(minute_of(row["trend_from"]), tuple(row["trend"])) if row["trend"] else Trend()
    return AlertGroup(**values | lists | kinds | {"trend": trend})


def transition_of(row: Row) -> Transition:
    """Return the transition of a row of ``cali.alert_transitions``."""
    before = State(row["from_state"]) if row["from_state"] else None
    return Transition(before, Step(State(row["to_state"]), row["reason"], row["said"]), row["at"], row["batch_id"])


def message_of(row: Row) -> OutboxMessage:
    """Return the message of a row of ``cali.alert_outbox``; columns that it has no field for are left out."""
    values = {name: row[name] for name in _MESSAGE_FIELDS}
    return OutboxMessage(**values | {"kind": Kind(row["kind"]), "state": Delivery(row["state"])})
