"""The book of replays in Postgres."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row, dict_row

from include.errors import FencedError
from include.records import Checkpoint
from include.replay.book import Drained, Replay, ReplayRequest, ReplayState, Shortfall
from include.sql import query

LONGEST_ERROR = 2_000


class PostgresReplayBook:
    """A ``ReplayBook`` over one connection in autocommit mode; each method opens its own transaction."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def find(self, stream: str, run_id: str) -> Replay | None:
        """Return the replay that a run has opened before, or None."""
        return self._row("replay_of_run", {"stream": stream, "run_id": run_id})

    def open(
        self,
        stream: str,
        request: ReplayRequest,
        checkpoints: Sequence[Checkpoint],
        shortfall: Shortfall | None,
        now: datetime,
    ) -> Replay:
        """Begin a replay with a new generation, under a lock: two runs never get the same number."""
        with self._connection.transaction():
            self._connection.execute(query("replay_lock"), {"stream": stream})
            if known := self.find(stream, request.run_id):
                return known
            opened = self._one("replay_open", _parameters(stream, request, shortfall) | {"now": now})
            for checkpoint in checkpoints:
                self._connection.execute(
                    query("replay_shard"),
                    {
                        "stream": stream,
                        "generation": opened.generation,
                        "shard_id": checkpoint.shard_id,
                        "parents": list(checkpoint.parent_shard_ids),
                        "start_at": checkpoint.start_at,
                        "start_sequence_number": checkpoint.start_sequence_number,
                        "stop_sequence_number": checkpoint.stop_sequence_number,
                        "now": now,
                    },
                )
        return opened

    def mark(self, replay: Replay, state: ReplayState, error: str | None, now: datetime) -> Replay:
        """Record how the replay stands."""
        return self._one(
            "replay_mark",
            {
                "stream": replay.stream,
                "generation": replay.generation,
                "state": state,
                "error": error[:LONGEST_ERROR] if error else None,
                "now": now,
            },
        )

    def skip(
        self, replay: Replay, checkpoint: Checkpoint, to: str | None, shortfall: Shortfall, now: datetime
    ) -> Replay:
        """Let a shard's reading go on at a record, and count what is missing before it, in one transaction."""
        generation = {"stream": replay.stream, "generation": replay.generation}
        step = {"shard_id": checkpoint.shard_id, "expected_version": checkpoint.version, "to": to, "now": now}
        with self._connection.transaction():
            if self._connection.execute(query("replay_skip"), generation | step).rowcount != 1:
                raise FencedError(f"Another try of {replay.request.run_id} advanced {checkpoint.shard_id}")
            return self._one("replay_short", generation | _missing(shortfall))

    def drained_live(self, stream: str, shard_id: str, request: ReplayRequest, before: str | None) -> Drained:
        """Return what the live drain read of a shard in the range before the sequence number."""
        # A sequence number is one shard's: for what descends from it, everything is in the range.
        begin = request.from_sequence_number if shard_id == request.shard_id else None
        parameters = {
            "stream": stream,
            "shard_id": shard_id,
            "from_at": request.from_at,
            "from_sequence_number": begin,
            "until": request.until,
            "before": before,
        }
        with self._connection.cursor(row_factory=class_row(Drained)) as cursor:
            return cursor.execute(query("replay_drained_live"), parameters).fetchone() or Drained()

    def _one(self, name: str, parameters: Mapping[str, object]) -> Replay:
        row = self._row(name, parameters)
        if row is None:
            raise KeyError((parameters["stream"], parameters.get("generation")))
        return row

    def _row(self, name: str, parameters: Mapping[str, object]) -> Replay | None:
        with self._connection.cursor(row_factory=dict_row) as cursor:
            row = cursor.execute(query(name), parameters).fetchone()
        return _replay(row) if row else None


def _parameters(stream: str, request: ReplayRequest, shortfall: Shortfall | None) -> dict[str, object]:
    return {
        "stream": stream,
        "run_id": request.run_id,
        "shard_id": request.shard_id,
        "from_at": request.from_at,
        "from_sequence_number": request.from_sequence_number,
        "until": request.until,
        "alerts": request.alerts,
        **_missing(shortfall),
    }


def _missing(shortfall: Shortfall | None) -> dict[str, object]:
    return {
        "missing_records": shortfall.records if shortfall else 0,
        "missing_from": shortfall.from_at if shortfall else None,
        "missing_until": shortfall.until if shortfall else None,
    }


def _replay(row: Mapping[str, Any]) -> Replay:
    values = dict(row)
    run_id, missing = values.pop("requested_by"), values.pop("missing_records")
    since, missing_until = values.pop("missing_from"), values.pop("missing_until")
    asked = {name: values.pop(name) for name in ("from_at", "shard_id", "from_sequence_number", "until", "alerts")}
    state = ReplayState(values.pop("state"))
    shortfall = None if missing_until is None else Shortfall(since, missing_until, missing)
    return Replay(request=ReplayRequest(run_id, **asked), state=state, shortfall=shortfall, **values)
