"""The burns in Postgres: the twin is ``burns_memory``."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from datetime import datetime

import psycopg
from psycopg.rows import class_row

from include.sla.burns import Burn, BurnRate, Outcome
from include.sql import query


class PostgresBurnBook:
    """A ``BurnBook`` over one connection in autocommit mode."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def transaction(self) -> AbstractContextManager[object]:
        """Return a context that commits at its end, or rolls back when an exception leaves it."""
        return self._connection.transaction()

    def rates(self) -> Sequence[BurnRate]:
        """Return the enabled definitions' rates."""
        with self._connection.cursor(row_factory=class_row(BurnRate)) as cursor:
            return cursor.execute(query("sla_burn_rates")).fetchall()

    def burns(self) -> Sequence[Burn]:
        """Return every burn, oldest first."""
        with self._connection.cursor(row_factory=class_row(Burn)) as cursor:
            found = cursor.execute(query("sla_burns")).fetchall()
        return [replace(burn, outcome=Outcome(burn.outcome)) if burn.outcome else burn for burn in found]

    def begin(self, burn: Burn) -> bool:
        """Write a burn down, unless one of the definition is open."""
        return self._connection.execute(query("sla_burn_begin"), asdict(burn)).rowcount == 1

    def end(self, burn: Burn, outcome: Outcome, now: datetime) -> bool:
        """Write down how a burn ended."""
        values = {"definition_id": burn.definition_id, "started_at": burn.started_at, "outcome": outcome, "now": now}
        return self._connection.execute(query("sla_burn_end"), values).rowcount == 1
