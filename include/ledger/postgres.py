"""The ledger in Postgres, by compare-and-set and ``FOR UPDATE SKIP LOCKED``."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from include.errors import FencedError, TransientError
from include.ledger.ledger import Advance, Audited, Claim, Stage, Validated
from include.records import Checkpoint, Gap, GapReason, MicroBatch, Shard
from include.sql import query

log = logging.getLogger(__name__)
CONNECT_TIMEOUT_S = 5


@contextmanager
def connected(uri: str) -> Iterator[psycopg.Connection]:
    """Open a connection to CALI's database and close it at the end.

    Raises:
        TransientError: the server did not answer, or went away in the middle; what was not committed is undone.
    """
    try:
        with psycopg.connect(uri, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S) as connection:
            yield connection
    except psycopg.OperationalError as error:
        raise TransientError(f"CALI's Postgres did not answer: {error}; nothing was committed") from error


@contextmanager
def snapshot(connection: psycopg.Connection) -> Iterator[psycopg.Cursor[dict[str, Any]]]:
    """Yield a cursor whose questions all see the same moment, with rows by column; nothing can be written."""
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute("set transaction isolation level repeatable read, read only")
        yield cursor


class PostgresLedger:
    """A ``Ledger`` over one connection in autocommit mode; each method opens its own transaction."""

    def __init__(self, connection: psycopg.Connection, generation: int = 0) -> None:
        self._connection = connection
        self._generation = generation

    @property
    def generation(self) -> int:
        """Return which generation this ledger drains."""
        return self._generation

    def for_generation(self, generation: int) -> "PostgresLedger":
        """Return the same ledger for another generation, over the same connection."""
        return PostgresLedger(self._connection, generation)

    def transaction(self) -> AbstractContextManager[object]:
        """Return a context that commits at its end, or rolls back when an exception leaves it."""
        return self._connection.transaction()

    def register(self, stream: str, shards: Iterable[Shard], start_at: datetime | None, now: datetime) -> None:
        """Add a checkpoint for each shard that has none, and keep the others' parents up to date."""
        known = self.checkpoints(stream)
        parents = {shard_id: checkpoint.parent_shard_ids for shard_id, checkpoint in known.items()}
        new = [shard for shard in shards if parents.get(shard.shard_id) != shard.parent_shard_ids]
        first_start = None if known else start_at
        with self.transaction():
            for shard in new:
                self._connection.execute(
                    query("register_shard"),
                    {
                        "stream": stream,
                        "generation": self._generation,
                        "shard_id": shard.shard_id,
                        "parents": list(shard.parent_shard_ids),
                        "start_at": first_start,
                        "shard_start": shard.starting_sequence_number,
                        "now": now,
                    },
                )

    def checkpoints(self, stream: str) -> dict[str, Checkpoint]:
        """Return the stream's checkpoints by shard."""
        with self._connection.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(query("checkpoints"), self._of(stream)).fetchall()
        return {row["shard_id"]: checkpoint_of(row) for row in rows}

    def commit_drain(self, batch: MicroBatch | None, advance: Advance, run_id: str, now: datetime) -> None:
        """Write the batch and the gap, if any, open the batch's validation, and advance the checkpoint."""
        with self.transaction():
            moved = self._connection.execute(
                query("advance_checkpoint"),
                {
                    "stream": advance.stream,
                    "generation": self._generation,
                    "shard_id": advance.shard_id,
                    "expected_version": advance.expected_version,
                    "sequence_number": advance.sequence_number,
                    "state": "closed" if advance.closed else "open",
                    "last_arrived_at": advance.last_arrived_at,
                    "caught_up_at": advance.caught_up_at,
                    "rewound": advance.rewound,
                    "shard_start": advance.shard_start,
                    "now": now,
                },
            )
            if moved.rowcount != 1:
                raise FencedError(
                    f"Another run advanced {advance.stream}/{advance.shard_id} past version "
                    f"{advance.expected_version}; this one commits nothing"
                )
            if advance.gap is not None:
                self._connection.execute(query("insert_gap"), _gap_row(advance.gap) | {"run_id": run_id, "now": now})
            if batch is not None:
                self.open_batch(batch, run_id, now)

    def open_batch(self, batch: MicroBatch, run_id: str, now: datetime) -> None:
        """Write a batch and open its validation; the checkpoints are left alone."""
        row = {field: getattr(batch, field) for field in MicroBatch.__slots__}
        try:
            with self.transaction():
                self._connection.execute(query("insert_batch"), row | {"run_id": run_id, "now": now})
                self._open_stage(batch.batch_id, batch.stream, Stage.VALIDATE, now)
        except psycopg.errors.UniqueViolation as error:
            raise FencedError(f"Another run has committed batch {batch.batch_id}; this one commits nothing") from error

    def catch_up(self, stream: str, tips: Mapping[str, datetime]) -> None:
        """Note for each shard when reading stood at its tip."""
        moments = {"shard_ids": list(tips), "moments": list(tips.values())}
        self._connection.execute(query("catch_up"), self._of(stream) | moments)

    def gaps(self, stream: str) -> list[Gap]:
        """Return the stream's gaps in the order of their detection."""
        with self._connection.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(query("gaps"), {"stream": stream}).fetchall()
        return [Gap(**row | {"reason": GapReason(row["reason"])}) for row in rows]

    def last_drained_at(self, stream: str) -> datetime | None:
        """Return when the stream's newest batch was drained; redriven ones do not count."""
        row = self._connection.execute(query("last_drained_at"), self._of(stream)).fetchone()
        return row[0] if row else None

    def claim(self, stream: str, stage: Stage, owner: str, limit: int, lease: timedelta, now: datetime) -> list[Claim]:
        """Take up to ``limit`` batches that wait for a stage: live ones first, then oldest first."""
        parameters = {
            "stream": stream,
            "stage": stage,
            "owner": owner,
            "limit": limit,
            "lease_until": now + lease,
            "now": now,
        }
        with self.transaction(), self._connection.cursor(row_factory=class_row(Claim)) as cursor:
            return cursor.execute(query("claim_stage"), parameters).fetchall()

    def complete_validate(self, claim: Claim, outcome: Validated, now: datetime) -> None:
        """Record what validation made of the batch and open the stages behind it."""
        with self.transaction():
            self._complete(claim, now)
            self._connection.execute(
                query("batch_validated"),
                {
                    "batch_id": claim.batch_id,
                    "valid": outcome.valid,
                    "dead_lettered": outcome.dead_lettered,
                    "staged_key": outcome.staged_key,
                    "dlq_key": outcome.dlq_key,
                    "now": now,
                },
            )
            for group in outcome.dead_letters:
                self._connection.execute(
                    query("insert_dead_letters"),
                    {
                        "batch_id": claim.batch_id,
                        "stage": group.stage,
                        "reason": group.reason,
                        "records": group.records,
                        "dlq_key": outcome.dlq_key,
                        "sample": group.sample,
                        "now": now,
                    },
                )
            if outcome.valid:
                self._open_stage(claim.batch_id, claim.stream, Stage.ALERT, now)
                self._open_stage(claim.batch_id, claim.stream, Stage.AUDIT, now)

    def complete_alert(self, claim: Claim, alertable: int, filtered: int, now: datetime) -> None:
        """Record what the filter made of the batch."""
        with self.transaction():
            self._complete(claim, now)
            self._connection.execute(
                query("batch_alerted"),
                {"batch_id": claim.batch_id, "alertable": alertable, "filtered": filtered, "now": now},
            )

    def complete_audit(self, claim: Claim, outcome: Audited, now: datetime) -> None:
        """Record the suite's verdict: published, or quarantined."""
        with self.transaction():
            self._complete(claim, now)
            self._connection.execute(
                query("batch_audited"),
                {
                    "batch_id": claim.batch_id,
                    "clean_key": outcome.clean_key,
                    "state": "published" if outcome.clean_key else "quarantined",
                    "now": now,
                },
            )
            quality = dict(outcome.quality)
            quality["report"] = Jsonb(quality["report"])
            self._connection.execute(query("insert_quality"), quality | {"batch_id": claim.batch_id})

    def last_docs_at(self, stream: str) -> datetime | None:
        """Return when the stream's newest audited batch that has a page was judged."""
        row = self._connection.execute(query("last_docs_at"), {"stream": stream}).fetchone()
        return row[0] if row else None

    def release(self, claim: Claim, error: str, retry_at: datetime) -> None:
        """Give the work back, to be taken again from ``retry_at`` on."""
        with self.transaction():
            self._connection.execute(
                query("release_stage"), _identity(claim) | {"error": error[:2000], "retry_at": retry_at}
            )

    def unfinished(self, stream: str, now: datetime, stage: Stage | None = None) -> int:
        """Return how many stages (or how many of one kind) are there to be taken."""
        parameters = {"stream": stream, "stage": stage, "now": now}
        row = self._connection.execute(query("unfinished"), parameters).fetchone()
        return int(row[0]) if row else 0

    def _of(self, stream: str) -> dict[str, object]:
        return {"stream": stream, "generation": self._generation}

    def _open_stage(self, batch_id: str, stream: str, stage: Stage, now: datetime) -> None:
        self._connection.execute(
            query("open_stage"), {"batch_id": batch_id, "stream": stream, "stage": stage, "now": now}
        )

    def _complete(self, claim: Claim, now: datetime) -> None:
        done = self._connection.execute(query("complete_stage"), _identity(claim) | {"now": now})
        if done.rowcount != 1:
            raise FencedError(f"Another run took {claim.stage} of batch {claim.batch_id}; this one commits nothing")


def _identity(claim: Claim) -> dict[str, object]:
    return {"batch_id": claim.batch_id, "stage": claim.stage, "token": claim.token}


def _gap_row(gap: Gap) -> dict[str, object]:
    fields = {field: getattr(gap, field) for field in Gap.__slots__}
    return fields | {"gap_id": gap.gap_id, "span_s": gap.span_s}


def checkpoint_of(row: Mapping[str, Any]) -> Checkpoint:
    """Turn a row of ``checkpoints.sql`` into a checkpoint."""
    values = dict(row)
    parents, state = values.pop("parent_shard_ids"), values.pop("state")
    return Checkpoint(parent_shard_ids=tuple(parents), closed=state == "closed", **values)
