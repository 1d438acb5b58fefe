"""What a stream is: everything that the platform has to know about one, and nothing that all streams share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pyarrow as pa
from pydantic import BaseModel

from include.alerts.event import AlertEvent
from include.alerts.filtering import FilterRules
from include.audit import AuditSuite
from include.streams.loading import MakeLoader


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream's contract.

    Attributes:
        name: lower case, as in ``raw/stream=<name>/`` and ``<name>_drain``.
        model: what a record must be; a record that it refuses is a dead letter.
        schema: the Arrow columns of validated events.
        to_columns: turns events, in order, into those columns.
        event_time: the column that holds the event's own time.
        oldest_event: how long before its arrival an event may have happened; older is a dead letter.
        clock_ahead: how long after its arrival an event may claim to have happened; later is a dead letter.
        suite: returns the Great Expectations suite of a staged batch.
        alertable: marks the staged rows that the alert rules let pass.
        alert_columns: the columns that ``alertable`` and ``to_alert`` read, besides the lineage.
        to_alert: turns a row that passed the filter into an alert event.
        loader: makes what puts staged rows into a table of the stream's own; without one there is none. The rows then
            are alertable as they are loaded: with the columns that loading adds.
        looks_back: how old an event in that table may be and still be needed; none is removed before.
        ready: raises a ``ConfigurationError`` where a setting of the stream's own is missing or wrong.
    """

    name: str
    model: type[BaseModel]
    schema: pa.Schema
    to_columns: Callable[[Sequence[Any]], dict[str, list[object]]]
    event_time: str
    oldest_event: timedelta
    clock_ahead: timedelta
    suite: Callable[[], AuditSuite]
    alertable: Callable[[pa.Table, FilterRules], pa.BooleanArray]
    alert_columns: tuple[str, ...]
    to_alert: Callable[[Mapping[str, Any]], AlertEvent]
    loader: MakeLoader | None = None
    looks_back: Callable[[], timedelta] = timedelta
    ready: Callable[[], object] = lambda: None
