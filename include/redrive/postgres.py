"""Redrives in Postgres: what moves dead letters is one transaction, fenced by token and by primary key."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from include.errors import FencedError
from include.ledger.postgres import PostgresLedger
from include.records import MicroBatch
from include.redrive.store import (
    Identity,
    LetterGroup,
    Place,
    Redrive,
    Retrial,
    Sample,
    Selection,
    Source,
    State,
    Tally,
)
from include.sql import query

Row = dict[str, Any]


class PostgresRedriveStore:
    """A ``RedriveStore`` over one connection in autocommit mode; each method opens its own transaction."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self._ledger = PostgresLedger(connection)

    def begin(self, selection: Selection, run_id: str, now: datetime, *, dry_run: bool) -> Redrive:
        """Return the run's redrive: a new one, or where an unfinished try of it was left."""
        filters = {name: str(value) for name, value in asdict(selection).items() if value is not None}
        row = {
            "run_id": run_id,
            "stream": selection.stream,
            "filters": Jsonb(filters),
            "dry_run": dry_run,
            "report": Jsonb(_report(Tally())),
            "now": now,
        }
        with self._connection.transaction():
            self._connection.execute(query("redrive_supersede"), row)
            (held,) = self._rows("redrive_resume", row) or self._rows("redrive_begin", row)
        return _redrive(held, selection)

    def next_source(self, redrive: Redrive) -> Source | None:
        """Return the next batch with open, selected dead letters, or None."""
        rows = self._rows(
            "redrive_next_source", asdict(redrive.selection) | _after(redrive) | {"started_at": redrive.started_at}
        )
        if not rows:
            return None
        groups = tuple(LetterGroup(row["stage"], row["reason"], row["records"], row["attempts"]) for row in rows)
        shared = {name: rows[0][name] for name in ("batch_id", "shard_id", "raw_key", "dlq_key", "drained_at")}
        return Source(**shared, groups=groups)

    def moved(self, batch_id: str) -> set[Identity]:
        """Return which dead letters of a batch are in another batch already."""
        return {Identity(**row) for row in self._rows("redrive_moved", {"batch_id": batch_id})}

    def record(self, redrive: Redrive, retrials: Sequence[Retrial], batch: MicroBatch | None, now: datetime) -> None:
        """Write down that ``redrive.after`` is done with; unless it is a dry run, move its fixed records."""
        tally = redrive.tally
        counts = {name: getattr(tally, name) for name in ("considered", "fixed", "still_bad", "skipped")}
        with self._connection.transaction():
            self._must(
                "redrive_record",
                counts | _after(redrive) | _token(redrive) | {"report": Jsonb(_report(tally))},
                f"Redrive {redrive.redrive_id} was cancelled or tried again meanwhile",
            )
            if redrive.dry_run:
                return
            if batch is not None:
                self._ledger.open_batch(batch, redrive.run_id, now)
            for retrial in retrials:
                self._move(redrive, retrial, batch, now)

    def finish(self, redrive: Redrive, state: State, now: datetime) -> None:
        """Write down how the redrive ended; nothing happens when a newer try has begun."""
        with self._connection.transaction():
            self._connection.execute(query("redrive_finish"), _token(redrive) | {"state": state, "now": now})

    def open_reasons(self, stream: str) -> dict[str, int]:
        """Return how many dead letters of a stream are open, by reason."""
        return {row["reason"]: row["records"] for row in self._rows("redrive_open_reasons", {"stream": stream})}

    def _move(self, redrive: Redrive, retrial: Retrial, batch: MicroBatch | None, now: datetime) -> None:
        assert redrive.after is not None  # noqa: S101 - the caller names the batch that is done with
        group = {
            "batch_id": redrive.after.batch_id,
            "stage": retrial.stage,
            "reason": retrial.reason,
            "now": now,
        }
        self._must(
            "redrive_attempt",
            group | {"fixed": len(retrial.fixed)},
            f"The dead letters ({retrial.reason}) of batch {redrive.after.batch_id} were discarded or moved meanwhile",
        )
        if batch is None or not retrial.fixed:
            return
        letters = {
            "redrive_id": redrive.redrive_id,
            "redrive_batch_id": batch.batch_id,
            "sequence_numbers": [letter.sequence_number for letter in retrial.fixed],
            "sub_sequences": [letter.sub_sequence for letter in retrial.fixed],
        }
        try:
            self._connection.execute(query("redrive_move"), group | letters)
        except psycopg.errors.UniqueViolation as error:
            raise FencedError(f"Another redrive moved records of batch {redrive.after.batch_id} meanwhile") from error

    def _must(self, name: str, parameters: Row, otherwise: str) -> None:
        if self._connection.execute(query(name), parameters).rowcount != 1:
            raise FencedError(f"{otherwise}; nothing was committed")

    def _rows(self, name: str, parameters: Row) -> list[Row]:
        with self._connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query(name), parameters).fetchall()


def _token(redrive: Redrive) -> Row:
    return {"redrive_id": redrive.redrive_id, "token": redrive.token}


def _after(redrive: Redrive) -> Row:
    after = redrive.after
    return {"after_drained_at": after and after.drained_at, "after_batch_id": after and after.batch_id}


def _report(tally: Tally) -> Row:
    return {"reasons": dict(tally.reasons), "samples": [asdict(sample) for sample in tally.samples]}


def _redrive(row: Row, selection: Selection) -> Redrive:
    tally = Tally(
        considered=row["considered"],
        fixed=row["fixed"],
        still_bad=row["still_bad"],
        skipped=row["skipped"],
        reasons={reason: (counts[0], counts[1]) for reason, counts in row["report"]["reasons"].items()},
        samples=tuple(Sample(**sample) for sample in row["report"]["samples"]),
    )
    after = Place(row["after_drained_at"], row["after_batch_id"]) if row["after_batch_id"] else None
    return Redrive(
        row["redrive_id"], row["run_id"], selection, row["dry_run"], row["token"], row["started_at"], after, tally
    )
