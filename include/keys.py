"""Where objects lie in the bucket: ``<room>/stream=…/dt=YYYY-MM-DD/hh=HH/<name>``, by arrival in UTC.

A replay's lie under ``replay/generation=<n>/``, in the same rooms: who reads ``clean/`` never sees a record twice.

Arrival rather than event time: a late event does not open an old partition again, so partitions are closed for good.
"""

from datetime import UTC, datetime, timedelta
from enum import StrEnum


class Room(StrEnum):
    """The bucket's top folders."""

    RAW = "raw"
    STAGED = "staged"
    CLEAN = "clean"
    DLQ = "dlq"
    QUALITY = "quality"
    COMPACTED = "compacted"


HOUR = timedelta(hours=1)
"""What a partition spans."""


def partition_hour(arrived_at: datetime) -> datetime:
    """Return the beginning, in UTC, of the partition that holds what arrived at that time."""
    return arrived_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def object_key(room: Room, stream: str, arrived_at: datetime, name: str, generation: int = 0) -> str:
    """Return the key of an object that holds records of ``stream`` which arrived from ``arrived_at`` on."""
    arrived = arrived_at.astimezone(UTC)
    replay = f"replay/generation={generation}/" if generation else ""
    return f"{replay}{room}/stream={stream}/dt={arrived:%Y-%m-%d}/hh={arrived:%H}/{name}"


def compacted_key(stream: str, hour: datetime) -> str:
    """Return the key of the one object that holds all of an hour's published records."""
    name = f"{stream}-{hour.astimezone(UTC):%Y-%m-%d-%H}.parquet"
    return object_key(Room.COMPACTED, stream, hour, name)
