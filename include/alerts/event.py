"""What is alerted on: one record, one failed check of a batch, or one gap in a stream."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from include.records import Gap, GapReason

# Further off than this, the producer's clock is not believed and the stream's own arrival time is used instead.
EARLIEST_BEFORE_ARRIVAL = timedelta(days=1)
LATEST_AFTER_ARRIVAL = timedelta(minutes=5)

SUITE = "suite"
EXPECTATIONS = "expectations"
REASON = "reason"

_LOST = {
    GapReason.RETENTION: "the stream's retention passed before they were drained",
    GapReason.SHARD_GONE: "a shard left the stream before it was drained to its end",
    GapReason.UNKNOWN_SEQUENCE: "the stream was made anew and does not know what was drained of it",
}

_RANKS = {"FATAL": 0, "CRITICAL": 0, "ERROR": 1, "WARN": 2}
_SYNONYMS = {
    "WARNING": "WARN",
    "ERR": "ERROR",
    "SEVERE": "ERROR",
    "CRIT": "CRITICAL",
    "EMERG": "FATAL",
    "EMERGENCY": "FATAL",
    "PANIC": "FATAL",
    "ALERT": "FATAL",
}


class Category(StrEnum):
    """Why a group exists; each counts its batches by itself."""

    RECORD = "record"
    QUALITY = "quality"
    GAP = "gap"
    SILENCE = "silence"
    STORM = "storm"


HOLDERS = frozenset({Category.SILENCE, Category.STORM})
"""Categories of groups that stand for what is held back."""


@dataclass(frozen=True, slots=True)
class RecordIdentity:
    """Where a record stands in its stream; ``sub_sequence`` counts within an aggregated record, from 0."""

    shard_id: str
    sequence_number: str
    sub_sequence: int = 0


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """One alertable record.

    ``title`` is the message's first line. ``occurred_at`` (the producer's clock) and ``arrived_at`` (the stream's)
    are aware and UTC. ``attributes`` may name ``pod`` and ``version``; anything else is carried and not read.
    ``group_by`` is what makes two records the same problem, where the stream knows; otherwise it is found out.
    """

    stream: str
    severity: str
    service: str
    title: str
    message: str
    stack_trace: str | None
    occurred_at: datetime
    arrived_at: datetime
    identity: RecordIdentity
    attributes: Mapping[str, str] = field(default_factory=dict)
    category: Category = Category.RECORD
    group_by: tuple[str, ...] = ()


def severity_of(level: str) -> str:
    """Return a level's usual name: upper case, ``WARN`` for WARNING, ``ERROR`` for SEVERE and so on."""
    name = level.strip().upper()
    return _SYNONYMS.get(name, name)


def severity_rank(level: str) -> int:
    """Return how urgent a level is: 0 is the most urgent (FATAL), 1 ERROR, 2 WARN, 3 anything else."""
    return _RANKS.get(severity_of(level), 3)


def seen_at(event: AlertEvent) -> datetime:
    """Return when the event happened, as far as its producer's clock can be believed.

    A clock that says 1970 or tomorrow would spoil a group's time span, so a time more than a day before or five
    minutes after the arrival gives way to the arrival.
    """
    age = event.arrived_at - event.occurred_at
    believable = -LATEST_AFTER_ARRIVAL <= age <= EARLIEST_BEFORE_ARRIVAL
    return event.occurred_at if believable else event.arrived_at


def quality_event(
    stream: str, suite: str, failures: Mapping[str, str], identity: RecordIdentity, failed_at: datetime
) -> AlertEvent:
    """Return the event of a batch that failed its suite of Great Expectations.

    ``failures`` maps each failed expectation (with its column, such as ``expect_column_values_to_not_be_null(amount)``)
    to what was observed. The names alone make the fingerprint, so the same failure in the next batch edits the same
    message. ``identity`` is a record of the batch; ``failed_at`` is aware and UTC.
    """
    expectations = sorted(failures)
    lines = [f"- {name}: {failures[name]}" for name in expectations]
    title = f"{suite} failed: {', '.join(expectations)}"
    return AlertEvent(
        stream=stream,
        severity="ERROR",
        service=stream,
        title=title,
        message="\n".join([title, *lines]),
        stack_trace=None,
        occurred_at=failed_at,
        arrived_at=failed_at,
        identity=identity,
        attributes={SUITE: suite, EXPECTATIONS: "\n".join(expectations)},
        category=Category.QUALITY,
    )


def gap_event(gap: Gap, detected_at: datetime) -> AlertEvent:
    """Return the event of records that a stream lost before they were drained.

    The reason alone makes the fingerprint: the gaps of all shards after one outage share a message. ``detected_at`` is
    aware and UTC.
    """
    title = f"Records may be lost: {_LOST[gap.reason]}"
    span = "not known" if gap.span_s is None else f"at most {timedelta(seconds=round(gap.span_s))}"
    lines = [
        f"shard: {gap.shard_id}",
        f"drained until: {gap.from_at or 'not known'} (record {gap.from_sequence_number or 'none'})",
        f"reading goes on at: {gap.to_at}",
        f"span: {span}",
    ]
    return AlertEvent(
        stream=gap.stream,
        severity="CRITICAL",
        service=gap.stream,
        title=title,
        message="\n".join([title, *lines]),
        stack_trace=None,
        occurred_at=detected_at,
        arrived_at=detected_at,
        identity=RecordIdentity(gap.shard_id, gap.from_sequence_number or "0"),
        attributes={REASON: gap.reason},
        category=Category.GAP,
    )
