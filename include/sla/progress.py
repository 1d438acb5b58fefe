"""How far the streams' pipelines are, told as completions: from the ledger alone, whatever a run thinks that it did."""

from collections.abc import Sequence
from datetime import datetime

import psycopg

from include.sql import query


def log_drained(connection: psycopg.Connection, stream: str, run_id: str, now: datetime) -> None:
    """Log a completion of ``<stream>_drain``, up to when everything that arrived at the stream is drained.

    Without one open shard whose reading has begun nothing is known, and nothing is logged. What another run drained
    meanwhile counts as well; after a crash before this call the next run's completion says the same, a little later.

    Raises:
        psycopg.OperationalError: Postgres was away.
    """
    connection.execute(query("sla_log_drained"), {"stream": stream, "run_id": run_id, "now": now})


def log_processed(connection: psycopg.Connection, streams: Sequence[str], run_id: str, now: datetime) -> None:
    """Log a completion of ``consumer_batch``, up to when everything that arrived has been through every stage.

    Everything means what arrived at any of the streams that has been drained before. Replayed and redriven batches say
    nothing of how fresh a stream is.

    Raises:
        psycopg.OperationalError: Postgres was away.
    """
    connection.execute(query("sla_log_processed"), {"streams": list(streams), "run_id": run_id, "now": now})
