"""Whether a stream's records are opened. Light to import: settings are read where a DAG file is parsed."""

from enum import StrEnum


class Payloads(StrEnum):
    """``auto`` opens what producers packed; ``plain`` takes every stream record for one event."""

    AUTO = "auto"
    PLAIN = "plain"
