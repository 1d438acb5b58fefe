"""Who watches, and when they were last at work: so that a watcher that is silent can be told from a calm day."""

from datetime import datetime

import psycopg

from include.sql import query

MONITOR = "sla_monitor"
WATCHER = "watcher"


def beat(connection: psycopg.Connection, name: str, now: datetime) -> None:
    """Note that ``name`` is at work."""
    connection.execute(query("heartbeat"), {"name": name, "now": now})


def last_beat(connection: psycopg.Connection, name: str) -> datetime | None:
    """Return when ``name`` was last at work; None: never."""
    row = connection.execute("select beat_at from cali.heartbeats where name = %s", (name,)).fetchone()
    return row[0] if row else None
