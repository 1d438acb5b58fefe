"""What a record went through, and when: from the ledger, the outbox and Airflow's own task instances."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import quantiles
from typing import Any

from include.errors import TransientError
from include.simulator.journal import JournalEntry

BATCHES = """
select batch_id, shard_id, first_sequence_number, last_sequence_number, run_id,
       extract(epoch from drained_at)::float8 as drained_at, extract(epoch from validated_at)::float8 as validated_at,
       extract(epoch from alerted_at)::float8 as alerted_at, extract(epoch from audited_at)::float8 as audited_at,
       (select jsonb_object_agg(stage, claimed_by) from cali.batch_stages as stages
        where stages.batch_id = batches.batch_id) as claimed_by
from cali.micro_batches as batches
where stream = %(stream)s and generation = 0 and drained_at >= %(since)s
"""
OPENINGS = """
select cause_shard_id as shard_id, cause_sequence_number as sequence_number,
       extract(epoch from sent_at)::float8 as sent_at
from cali.alert_outbox
where kind = 'open' and state = 'sent' and sent_at >= %(since)s
"""
TASKS = """
select run_id, task_id, extract(epoch from queued_dttm)::float8 as queued_at
from task_instance
where dag_id = any(%(dags)s) and queued_dttm >= %(since)s
"""
SEGMENTS = ("ring and schedule", "drain", "schedule process", "validate", "schedule alert", "alert", "send")
"""What a probe's time is made of. A stage's own share begins when its task is queued: the worker's start is in it."""


@dataclass(frozen=True, slots=True)
class Journey:
    """A record's way: when it was put, and the moments (epoch seconds) that followed, as far as they are known."""

    put_at: float
    drained_at: float
    validated_at: float | None
    audited_at: float | None
    sent_at: float | None = None
    segments: tuple[float, ...] = ()


class Ways:
    """The batches of a stream, to be asked for the way of any record."""

    def __init__(
        self,
        batches: Iterable[Mapping[str, Any]],
        openings: Iterable[Mapping[str, Any]],
        tasks: Iterable[Mapping[str, Any]],
    ) -> None:
        self._by_shard: dict[str, list[tuple[int, int, Mapping[str, Any]]]] = defaultdict(list)
        for batch in batches:
            span = int(batch["first_sequence_number"]), int(batch["last_sequence_number"])
            self._by_shard[batch["shard_id"]].append((*span, batch))
        for spans in self._by_shard.values():
            spans.sort(key=lambda span: span[:2])
        self._sent = {(row["shard_id"], row["sequence_number"]): row["sent_at"] for row in openings}
        self._queued = {(row["run_id"], row["task_id"]): row["queued_at"] for row in tasks}

    def of(self, shard_id: str, sequence_number: str, put_at: float) -> Journey | None:
        """Return a record's way, or None where no batch holds it."""
        spans = self._by_shard.get(shard_id, [])
        index = bisect_right(spans, int(sequence_number), key=lambda span: span[0]) - 1
        if index < 0 or spans[index][1] < int(sequence_number):
            return None
        batch = spans[index][2]
        sent_at = self._sent.get((shard_id, sequence_number))
        segments = self._segments(batch, put_at, sent_at) if sent_at else ()
        return Journey(put_at, batch["drained_at"], batch["validated_at"], batch["audited_at"], sent_at, segments)

    def _segments(self, batch: Mapping[str, Any], put_at: float, sent_at: float) -> tuple[float, ...]:
        """Return the seconds of each of ``SEGMENTS``; they add up to the whole."""
        marks = (
            self._queued.get((batch["run_id"], "drain")),
            batch["drained_at"],
            self._queued_at(batch, "validate"),
            batch["validated_at"],
            self._queued_at(batch, "alert"),
            batch["alerted_at"],
            sent_at,
        )
        times = [put_at]
        # A stage may have been queued for another batch before this one was there: no part is ever below zero.
        times += [min(max(mark or times[-1], put_at), sent_at) for mark in marks]
        for index in range(1, len(times)):
            times[index] = max(times[index], times[index - 1])
        return tuple(later - earlier for earlier, later in pairwise(times))

    def _queued_at(self, batch: Mapping[str, Any], stage: str) -> float | None:
        run_id, _, task_id = ((batch["claimed_by"] or {}).get(stage) or "").rpartition("/")
        return self._queued.get((run_id, task_id))


def way_of(entry: JournalEntry, ways: Ways) -> Journey:
    """Return the way of a record that the stream accepted.

    Raises:
        TransientError: no batch holds it.
    """
    way = ways.of(entry.shard_id or "", entry.sequence_number or "", entry.put_at)
    if way is None:
        raise TransientError(f"no batch holds {entry}")
    return way


def spread(seconds: Sequence[float]) -> dict[str, float | int]:
    """Return p50, p95, p99 (inclusive, interpolated) and max in seconds, and of how many; empty without any."""
    if not seconds:
        return {}
    cuts = quantiles(seconds, n=100, method="inclusive") if len(seconds) > 1 else [seconds[0]] * 99
    figures = {"p50": cuts[49], "p95": cuts[94], "p99": cuts[98], "max": max(seconds)}
    return {name: round(value, 3) for name, value in figures.items()} | {"of": len(seconds)}
