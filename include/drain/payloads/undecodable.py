"""Why a payload stays whole, and how far one may grow before it does."""

from enum import StrEnum

MOST_BYTES = 64 << 20
"""Bytes that one stream record may inflate to, over all its layers; what is thrown away counts too."""
MOST_EVENTS = 100_000
"""Events that one stream record may hold."""
MOST_EVENT_BYTES = 10 << 20
"""Bytes of one event: the largest record that Kinesis itself takes."""


class Reason(StrEnum):
    """The name that an undecodable record has in ``raw/``, in ``dlq/`` and in the ledger."""

    KPL_CHECKSUM = "kpl_checksum"
    KPL_MALFORMED = "kpl_malformed"
    KPL_EMPTY = "kpl_empty"
    GZIP_TRUNCATED = "gzip_truncated"
    GZIP_CORRUPT = "gzip_corrupt"
    ZLIB_TRUNCATED = "zlib_truncated"
    ZLIB_CORRUPT = "zlib_corrupt"
    ZSTD_TRUNCATED = "zstd_truncated"
    ZSTD_CORRUPT = "zstd_corrupt"
    CLOUDWATCH_CONTROL = "cloudwatch_control"
    CLOUDWATCH_EMPTY = "cloudwatch_empty"
    CLOUDWATCH_MALFORMED = "cloudwatch_malformed"
    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"


_EXPLANATIONS = {
    Reason.KPL_CHECKSUM: "It starts as a KPL aggregate, but its MD5 does not fit: it was cut or damaged on its way",
    Reason.KPL_MALFORMED: "A KPL aggregate whose MD5 fits, but whose protobuf message breaks the aggregation format",
    Reason.KPL_EMPTY: "A sound KPL aggregate without a user record: there is no event in it",
    Reason.CLOUDWATCH_CONTROL: "CloudWatch Logs probing whether the stream can be reached: there is no event in it",
    Reason.CLOUDWATCH_EMPTY: "A CloudWatch Logs envelope without a log event",
    Reason.CLOUDWATCH_MALFORMED: "A CloudWatch Logs envelope whose logEvents are not objects with a message",
    Reason.TOO_LARGE: f"It unpacks to more than {MOST_BYTES >> 20} MiB, {MOST_EVENTS} events or "
    f"{MOST_EVENT_BYTES >> 20} MiB an event",
    Reason.TOO_DEEP: "It is packed into itself more often than any producer does it",
}


def explanation(reason: str) -> str:
    """Return what a decode error means, for the person who looks at the dead letter."""
    if reason in set(Reason):
        codec, _, fault = reason.partition("_")
        return _EXPLANATIONS.get(Reason(reason), f"Its {codec} data is {fault}: no event of it can be trusted")
    return "Another release of CALI could not decode it"


class UndecodableError(Exception):
    """A payload cannot be opened; it never leaves this package: the record is kept whole, with the reason's name."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class Budget:
    """What one stream record may still grow by, over all its layers."""

    def __init__(self) -> None:
        self.bytes_left = MOST_BYTES
        self.events_left = MOST_EVENTS

    def inflated(self, size: int) -> None:
        """Take note of ``size`` inflated bytes, or refuse them."""
        self.bytes_left -= size
        if self.bytes_left < 0:
            raise UndecodableError(Reason.TOO_LARGE)

    def events(self, count: int) -> None:
        """Take note of ``count`` events, or refuse them."""
        self.events_left -= count
        if self.events_left < 0:
            raise UndecodableError(Reason.TOO_LARGE)
