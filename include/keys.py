"""Where objects lie in the bucket: ``<room>/stream=…/dt=YYYY-MM-DD/hh=HH/<name>``, by arrival in UTC.

A replay's lie under ``replay/generation=<n>/``, in the same rooms: who reads ``clean/`` never sees a record twice.

Arrival rather than event time: a late event does not open an old partition again. Only a redrive does: what it mends
goes where it would have gone.
"""

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum


class Room(StrEnum):
    """The bucket's top folders."""

    RAW = "raw"
    STAGED = "staged"
    CLEAN = "clean"
    DLQ = "dlq"
    QUALITY = "quality"
    COMPACTED = "compacted"
    REPORTS = "reports"


HOUR = timedelta(hours=1)
"""What a partition spans."""


def partition_hour(arrived_at: datetime) -> datetime:
    """Return the beginning, in UTC, of the partition that holds what arrived at that time."""
    return arrived_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


REDRIVEN = "redrive-"
"""Stands before the hash in the id of a batch that was made of dead letters, and so in its objects' names."""


def is_redriven(key: str) -> bool:
    """Return whether an object of ``raw/``, ``staged/``, ``dlq/`` or ``clean/`` is of a redriven batch."""
    return f"-{REDRIVEN}" in key.rpartition("/")[2]


def object_key(room: Room, stream: str, arrived_at: datetime, name: str, generation: int = 0) -> str:
    """Return the key of an object that holds records of ``stream`` which arrived from ``arrived_at`` on."""
    arrived = arrived_at.astimezone(UTC)
    replay = f"replay/generation={generation}/" if generation else ""
    return f"{replay}{room}/stream={stream}/dt={arrived:%Y-%m-%d}/hh={arrived:%H}/{name}"


def compacted_key(stream: str, hour: datetime) -> str:
    """Return the key of the one object that holds all of an hour's published records."""
    name = f"{stream}-{hour.astimezone(UTC):%Y-%m-%d-%H}.parquet"
    return object_key(Room.COMPACTED, stream, hour, name)


def daily_report_key(day: date, content: str, kind: str) -> str:
    """Return the key of a day's report; ``content`` is a hash of what is in it, ``kind`` its file extension."""
    return f"{Room.REPORTS}/daily/dt={day:%Y-%m-%d}/logs-{content}.{kind}"
