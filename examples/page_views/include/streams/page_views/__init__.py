"""The stream of page views: which page of a site was asked for, and what came of it."""

from collections.abc import Mapping
from datetime import timedelta
from functools import cache, partial
from http import HTTPStatus
from typing import Annotated, Any

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from include.alerts.event import AlertEvent
from include.alerts.filtering import FilterRules
from include.streams.fields import TIME, Identifier, Instant, Uuid, columns_of, identity_of, schema_of
from include.streams.stream import Stream
from include.streams.suite import Asked, Bounds, staged_suite


class PageView(BaseModel):
    """One page view; ``took_ms`` is the time until the answer."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    view_id: Uuid
    viewed_at: Instant
    page: Identifier
    status: Annotated[int, Field(ge=100, le=599)]
    took_ms: Annotated[int, Field(ge=0)]


SCHEMA = schema_of(
    ("view_id", pa.string()),
    ("viewed_at", TIME),
    ("page", pa.string()),
    ("status", pa.int64()),
    ("took_ms", pa.int64()),
)


def broken(table: pa.Table, rules: FilterRules) -> pa.BooleanArray:  # noqa: ARG001 - no level, no keyword
    """Mark the views of broken pages."""
    return pa.array([status >= HTTPStatus.INTERNAL_SERVER_ERROR for status in table["status"].to_pylist()], pa.bool_())


def to_alert(row: Mapping[str, Any]) -> AlertEvent:
    """Turn the view of a broken page into what alerts are made of: a group for each page."""
    return AlertEvent(
        stream="page_views",
        severity="ERROR",
        service="site",
        title=f"{row['page']} is broken",
        message=f"status {row['status']} after {row['took_ms']} ms",
        stack_trace=None,
        occurred_at=row["viewed_at"],
        arrived_at=row["_arrived_at"],
        identity=identity_of(row),
        group_by=("page", row["page"]),
    )


STREAM = Stream(
    name="page_views",
    model=PageView,
    schema=SCHEMA,
    to_columns=partial(columns_of, SCHEMA.names),
    event_time="viewed_at",
    oldest_event=timedelta(days=7),
    clock_ahead=timedelta(hours=1),
    suite=cache(
        partial(staged_suite, "page_views", Asked(SCHEMA, "view_id", "viewed_at", ("view_id", "page")), Bounds())
    ),
    alertable=broken,
    alert_columns=("page", "status", "took_ms", "viewed_at"),
    to_alert=to_alert,
)
