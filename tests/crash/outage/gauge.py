"""How far the work is behind what was put, read from outside: the producer's journal and the ledger."""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import class_row

LOOK = """
    select
        coalesce(sum(records), 0)::bigint as drained,
        coalesce(sum(records) filter (where not exists (
            select from cali.batch_stages as stages where stages.batch_id = batches.batch_id and stages.state <> 'done'
        )), 0)::bigint as finished,
        (select min(last_arrived_at) from cali.shard_checkpoints where stream = %(stream)s) as drained_until,
        min(first_arrived_at) filter (where exists (
            select from cali.batch_stages as stages where stages.batch_id = batches.batch_id and stages.state <> 'done'
        )) as oldest_open
    from cali.micro_batches as batches
    where stream = %(stream)s
"""
CONNECT_TIMEOUT_S = 2


@dataclass(frozen=True, slots=True)
class Reading:
    """Records: ``put`` by the producer, ``drained`` into batches, ``finished`` with every stage.

    ``drained_until`` is when the newest drained record of the slowest shard arrived, ``oldest_open`` when the first
    record of a batch arrived that still waits for a stage.
    """

    put: int = 0
    drained: int = 0
    finished: int = 0
    drained_until: datetime | None = None
    oldest_open: datetime | None = None

    @property
    def backlog(self) -> int:
        """Records that were put and are not through."""
        return self.put - self.finished

    def through(self, instant: datetime) -> bool:
        """Return whether everything that arrived before an instant has been through every stage."""
        open_before = self.oldest_open is not None and self.oldest_open < instant
        return self.drained_until is not None and self.drained_until >= instant and not open_before


class Gauge:
    """Takes readings; while Postgres is away nothing moves, so its last word stands."""

    def __init__(self, uri: str, stream: str, journal: Path) -> None:
        self._uri = uri
        self._stream = stream
        self._journal = journal
        self._place = 0
        self._last = Reading()

    def read(self) -> Reading:
        """Return the present reading."""
        self._last = replace(self._last, put=self._last.put + self._new_lines())
        try:
            ledger = self._ledger()
        except psycopg.OperationalError:
            return self._last
        self._last = replace(ledger, put=self._last.put)
        return self._last

    def _ledger(self) -> Reading:
        with psycopg.connect(self._uri, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S) as connection:
            cursor: Any = connection.cursor(row_factory=class_row(Reading))
            reading: Reading = cursor.execute(LOOK, {"stream": self._stream}).fetchone()
            return reading

    def _new_lines(self) -> int:
        if not self._journal.exists():
            return 0
        with self._journal.open("rb") as lines:
            lines.seek(self._place)
            new = lines.read()
        self._place += len(new)
        return new.count(b"\n")
