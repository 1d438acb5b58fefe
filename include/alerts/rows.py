"""Between the alerts' values and the columns of their tables."""

from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import uuid4

from include.alerts.event import AlertEvent, Category, severity_rank
from include.alerts.group import AlertGroup, Decision, State
from include.alerts.grouping import LONGEST_SAMPLE, MOST_NAMES, GroupIncrement
from include.alerts.outbox import Delivery, Kind, Notice, OutboxMessage
from include.alerts.settings import AlertSettings

Row = dict[str, Any]

_GROUP_FIELDS = tuple(field.name for field in fields(AlertGroup))
_MESSAGE_FIELDS = tuple(field.name for field in fields(OutboxMessage))


def group_row(
    batch_id: str, increment: GroupIncrement, now: datetime, run_url: str | None, settings: AlertSettings
) -> Row:
    """Return the parameters of ``alert_group_add``: the group as it is when this is its first batch."""
    sample = increment.sample
    return {
        "stream": increment.stream,
        "category": increment.category,
        "fingerprint": increment.fingerprint.value,
        "fingerprint_version": increment.fingerprint.version,
        "severity": increment.severity,
        "severity_rank": severity_rank(increment.severity),
        "service": sample.service,
        "title": increment.fingerprint.title,
        "count": increment.count,
        "replayed": increment.replayed,
        "first_seen": increment.first_seen,
        "last_seen": increment.last_seen,
        "now": now,
        "services": list(increment.services),
        "pods": list(increment.pods),
        "versions": list(increment.versions),
        "most": MOST_NAMES,
        "sample": _sample_text(sample),
        "batch_id": batch_id,
        "run_url": run_url,
        "channel": settings.channel_for(increment.category),
        "latest_shard_id": sample.identity.shard_id,
        "latest_sequence_number": sample.identity.sequence_number,
        "latest_sub_sequence": sample.identity.sub_sequence,
        "latest_arrived_at": sample.arrived_at,
    }


def message_row(group: AlertGroup, decision: Decision, now: datetime) -> Row:
    """Return the parameters of ``alert_outbox_add`` for a group's message; its text is rendered when it is sent."""
    return {
        "group_id": group.id,
        "kind": Kind(decision.action),
        "channel": group.channel,
        "severity_rank": group.severity_rank,
        "dedup_key": f"{decision.action}:{group.id}",
        "message_key": str(uuid4()),
        "payload": None,
        "cause_shard_id": group.latest_shard_id,
        "cause_sequence_number": group.latest_sequence_number,
        "cause_sub_sequence": group.latest_sub_sequence,
        "cause_arrived_at": group.latest_arrived_at,
        "due_at": decision.due_at,
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
    return AlertGroup(**values | lists | kinds)


def message_of(row: Row) -> OutboxMessage:
    """Return the message of a row of ``cali.alert_outbox``; columns that it has no field for are left out."""
    values = {name: row[name] for name in _MESSAGE_FIELDS}
    return OutboxMessage(**values | {"kind": Kind(row["kind"]), "state": Delivery(row["state"])})


def _sample_text(event: AlertEvent) -> str:
    """Return the message and the head of its stack trace, unless the message holds the trace already."""
    if not event.stack_trace or event.stack_trace in event.message:
        return event.message
    return f"{event.message}\n{event.stack_trace}"[:LONGEST_SAMPLE]
