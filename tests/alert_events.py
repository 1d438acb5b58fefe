"""Alert events for tests: every field has a default."""

from datetime import UTC, datetime
from typing import Any

from include.alerts.event import AlertEvent, RecordIdentity
from include.alerts.grouping import GroupIncrement, group_events

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SHARD = "shardId-000000000000"


def event(message: str = "payment gateway unreachable", number: int = 1, **fields: Any) -> AlertEvent:
    """Return an event of a record; ``number`` is the record's sequence number."""
    values: dict[str, Any] = {
        "stream": "logs",
        "severity": "ERROR",
        "service": "payments",
        "title": message.partition("\n")[0],
        "message": message,
        "stack_trace": None,
        "occurred_at": NOON,
        "arrived_at": NOON,
        "identity": RecordIdentity(SHARD, str(number)),
    }
    return AlertEvent(**(values | fields))


def increments(*messages: str, **fields: Any) -> list[GroupIncrement]:
    """Return the increments of one event a message."""
    return group_events([event(message, number, **fields) for number, message in enumerate(messages)])
