"""The rooms that retention knows; each has a setting of its own."""

from enum import StrEnum


class PurgedRoom(StrEnum):
    """A room of the bucket; ``REPLAY`` is all that replays wrote, whatever the room within."""

    RAW = "raw"
    STAGED = "staged"
    CLEAN = "clean"
    COMPACTED = "compacted"
    DLQ = "dlq"
    QUALITY = "quality"
    REPLAY = "replay"
