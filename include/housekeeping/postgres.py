"""What housekeeping asks of the ledger, and what it writes down before it removes anything.

The rules of what may go are SQL, in the view ``cali.batch_objects`` and the queries ``purge_…``, ``orphan_…`` and
``forget_…``: they are about rows in five tables at one moment.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from include.housekeeping.rooms import PurgedRoom
from include.sql import query

FORGOTTEN = (
    "batches",
    "alert_batches",
    "outbox",
    "alert_groups",
    "silences",
    "reconciliations",
    "compactions",
    "purges",
    "completions",
    "failures",
    "webhook",
)
"""Tables whose old rows go, in this order; each has a query ``forget_<name>``."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An object that a listing found, and what its name says of it.

    A raw object tells its shard and its last sequence number, the others their batch.
    """

    object_key: str
    batch_id: str | None = None
    shard_id: str | None = None
    last_sequence_number: str | None = None


class Purges:
    """The purges of one database; in a dry run every statement is run and undone.

    The row that says that an object is removed is committed before the object goes: after a crash ``undone`` returns
    what is still to be deleted, and nobody takes a removed object for a lost one.
    """

    def __init__(self, connection: psycopg.Connection, *, dry_run: bool = False) -> None:
        self.connection = connection
        self.dry_run = dry_run

    def undone(self, stream: str) -> list[str]:
        """Return the keys that were to be deleted, and of which it is not known that they were."""
        return self._keys("purge_undone", {"stream": stream})

    def decide(self, stream: str, room: PurgedRoom, before: datetime, now: datetime, limit: int) -> list[str]:
        """Write down that objects from before ``before`` go, oldest first; return their keys."""
        values = {"stream": stream, "room": room, "before": before, "now": now}
        with self.transaction():
            return self._keys("purge_decide", values | {"limit": None if self.dry_run else limit})

    def held_back(self, stream: str, room: PurgedRoom, before: datetime) -> dict[str, int]:
        """Return how many objects from before ``before`` must stay, by reason."""
        values = {"stream": stream, "room": room, "before": before}
        return dict(self.connection.execute(query("purge_held_back"), values).fetchall())

    def decide_orphans(self, stream: str, room: PurgedRoom, listed: Sequence[Listed], now: datetime) -> list[str]:
        """Write down that those objects go which no row names or ever will; return their keys."""
        values = {
            "stream": stream,
            "room": room,
            "now": now,
            "keys": [one.object_key for one in listed],
            "batch_ids": [one.batch_id for one in listed],
            "shard_ids": [one.shard_id for one in listed],
            "last_sequence_numbers": [one.last_sequence_number for one in listed],
        }
        with self.transaction():
            return self._keys("orphan_decide", values)

    def done(self, keys: Sequence[str], now: datetime) -> None:
        """Write down that these objects are deleted."""
        self.connection.execute(query("purge_done"), {"keys": list(keys), "now": now})

    def forget(self, table: str, before: datetime, limit: int) -> int:
        """Delete rows of a table of ``FORGOTTEN`` from before ``before``; return how many."""
        values = {"before": before, "limit": None if self.dry_run else limit}
        with self.transaction():
            return self.connection.execute(query(f"forget_{table}"), values).rowcount

    def _keys(self, name: str, values: Mapping[str, Any]) -> list[str]:
        return [row[0] for row in self.connection.execute(query(name), values).fetchall()]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Have what is done in a ``with`` block be one transaction; a dry run's is undone at its end."""
        with self.connection.transaction(force_rollback=self.dry_run):
            yield
