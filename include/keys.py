"""Where objects lie in the bucket: ``<room>/stream=…/dt=YYYY-MM-DD/hh=HH/<name>``, by arrival in UTC.

A replay's lie under ``replay/generation=<n>/``, in the same rooms: who reads ``clean/`` never sees a record twice.

Arrival rather than event time: a late event does not open an old partition again, so partitions are closed for good.
"""

from datetime import UTC, datetime
from enum import StrEnum


class Room(StrEnum):
    """The bucket's top folders."""

    RAW = "raw"
    STAGED = "staged"
    CLEAN = "clean"
    DLQ = "dlq"
    QUALITY = "quality"


def object_key(room: Room, stream: str, arrived_at: datetime, name: str, generation: int = 0) -> str:
    """Return the key of an object that holds records of ``stream`` which arrived from ``arrived_at`` on."""
    arrived = arrived_at.astimezone(UTC)
    replay = f"replay/generation={generation}/" if generation else ""
    return f"{replay}{room}/stream={stream}/dt={arrived:%Y-%m-%d}/hh={arrived:%H}/{name}"
