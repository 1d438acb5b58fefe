"""The stream of application logs: seven services of a shop, their failures and what is made of them."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from include.alerts.event import AlertEvent
from include.alerts.filtering import alertable_mask
from include.streams.fields import identity_of
from include.streams.logs.model import SCHEMA, LogEvent, to_columns
from include.streams.logs.suite import logs_suite
from include.streams.stream import Stream


def to_alert(row: Mapping[str, Any]) -> AlertEvent:
    """Turn a staged log event into what alerts are made of; the lines behind the first are its stack trace."""
    title = row["message"].splitlines()[0] if row["message"].strip() else row["level"]
    _, _, trace = row["log_content"].partition("\n")
    return AlertEvent(
        stream="logs",
        severity=row["level"],
        service=row["service"],
        title=title,
        message=row["message"],
        stack_trace=trace or None,
        occurred_at=row["timestamp"],
        arrived_at=row["_arrived_at"],
        identity=identity_of(row),
        attributes={"pod": row["pod"], "version": row["version"]},
    )


STREAM = Stream(
    name="logs",
    model=LogEvent,
    schema=SCHEMA,
    to_columns=to_columns,
    event_time="timestamp",
    # Kinesis keeps a record for at most a year, but a log that old is a clock's fault; a week covers a long outage.
    oldest_event=timedelta(days=7),
    clock_ahead=timedelta(hours=1),
    suite=logs_suite,
    alertable=alertable_mask,
    alert_columns=("level", "service", "message", "log_content", "timestamp", "pod", "version"),
    to_alert=to_alert,
)
