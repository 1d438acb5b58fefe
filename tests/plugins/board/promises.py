"""A board's worth of service levels: one of every state, with their windows, figures and open violations."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from include.sla.contract import Judgement, Verdict, Window
from include.sla.postgres import PostgresRecorder
from tests.include.sla.attained import judged, promise

if TYPE_CHECKING:
    import psycopg

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
EVIL = "<img src=x onerror=alert(1)><script>alert(2)</script>"


def full_hour(now: datetime) -> datetime:
    """Return the hour that has begun."""
    return now.replace(minute=0, second=0, microsecond=0)


def fill(connection: psycopg.Connection[Any], now: datetime) -> dict[str, int]:
    """Promise what a platform promises, and give it a past up to now; return the definitions' ids by pipeline."""
    hour, since = full_hour(now), now - timedelta(days=40)
    five = now - timedelta(minutes=now.minute % 5, seconds=now.second, microseconds=now.microsecond)
    ids = {
        "logs_drain": promise(
            connection, "logs_drain", "realtime", 5, since, description="Nothing of the log stream waits longer."
        ),
        "consumer_batch": promise(connection, "consumer_batch", "hourly", 5, since, owner="platform"),
        "daily_aggregation": promise(connection, "daily_aggregation", "daily", 540, since, objective_percent=90),
        "settlement_export": promise(connection, "settlement_export", "hourly", 30, since, owner="payments"),
        "new_pipeline": promise(connection, "new_pipeline", "hourly", 10, now),
        "old_export": promise(connection, "old_export", "hourly", 10, since, enabled=False),
    }
    judged(connection, ids["logs_drain"], "+" * 280 + "l" + "+" * 19, five, 5 * MINUTE)
    judged(connection, ids["consumer_batch"], "+" * 40 + "xx" + "+" * 60 + "l+++l++++-+++--", hour, HOUR)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    judged(connection, ids["daily_aggregation"], "++++l+++++++++?+", midnight, timedelta(days=1))
    judged(connection, ids["settlement_export"], "+" * 20 + "????" + "+" * 20, hour - 30 * HOUR, HOUR)
    for name, minutes in (("logs_drain", 1), ("consumer_batch", 175), ("settlement_export", 31 * 60)):
        complete(connection, name, now - minutes * MINUTE)
    connection.execute(
        """
        insert into cali.sla_burns (definition_id, started_at, pipeline_name, sla_type, slack_channel, severity,
                                    long_minutes, long_rate, short_rate, windows, bad)
        values (%s, %s, 'consumer_batch', 'hourly', 'sla', 'warning', 360, 33.3, 100, 6, 2)
        """,
        [ids["consumer_batch"], now - HOUR],
    )
    return ids


def complete(connection: psycopg.Connection[Any], name: str, at: datetime) -> None:
    """Log a completion."""
    connection.execute(
        "insert into cali.pipeline_completion_log (pipeline_name, run_id, completed_at, covers_to) "
        "values (%s, 'run', %s, %s)",
        [name, at, at],
    )


def miss(connection: psycopg.Connection[Any], definition_id: int, end: datetime, cause: str) -> None:
    """Let an hour that ends then be missed."""
    window = Window(definition_id, 1, "", end - HOUR, end, due=end, limit=end, reach=end)
    PostgresRecorder(connection).record(Judgement(window, Verdict.MISSED, cause), end)
