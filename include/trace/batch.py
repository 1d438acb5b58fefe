"""What the ledger knows of a batch."""

from typing import Any

import psycopg

from include.ledger.postgres import snapshot
from include.sql import query

Row = dict[str, Any]
PARTS = ("stages", "dead_letters", "quality")


def trace_batch(connection: psycopg.Connection, batch_id: str) -> Row | None:
    """Return a batch's row of ``cali.micro_batches`` with its stages, dead letters and quality, all of one snapshot.

    None when there is no such batch: it never was, or it is past its retention.

    Raises:
        psycopg.OperationalError: Postgres was away.
    """
    named = {"batch_id": batch_id}
    with snapshot(connection) as cursor:
        batch = cursor.execute(query("trace_batch"), named).fetchone()
        if batch is None:
            return None
        return batch | {part: cursor.execute(query(f"trace_{part}"), named).fetchall() for part in PARTS}
