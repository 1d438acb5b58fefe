"""Sum up days of transactions, and log that it was done, in one transaction.

A transaction belongs to the day on which it was made. What comes late for a day, or turns out to be fraud later, brings
that day up again in the next run.
"""

from datetime import date, datetime, timedelta

import psycopg

from include.errors import ConfigurationError
from include.reports.day import Day
from include.reports.store import PostgresReportStore
from include.reports.summarise import check_that_it_is_complete
from include.sla.contract import Completion
from include.sla.postgres import PostgresRecorder
from include.sql import query

PIPELINE = "transactions_daily"
"""The name under which it completes, and whose daily service level says which zone's days are summed up."""
STREAM = "transactions"


def summarise(
    connection: psycopg.Connection, day: Day, run_id: str, now: datetime, kept: timedelta | None = None
) -> list[date]:
    """Sum up a day and every earlier one that something came for since the last time; return them in order.

    Days of which some transactions may be gone, because they are ``kept`` no longer, keep the figures that they have.

    Raises:
        ConfigurationError: the day is not over, or some of its transactions may be gone.
        TransientError: some of what arrived on that day is not drained or not processed yet; nothing was written.
    """
    since = now - kept if kept else None
    if since and day.start < since:
        raise ConfigurationError(
            f"Transactions of {day.date} may be gone already: CALI_RETENTION_TABLES_DAYS is {kept}"
        )
    with connection.transaction():
        check_that_it_is_complete(PostgresReportStore(connection), STREAM, day, now)
        # Whoever loads has committed, or will find the days summed up and bring them up again.
        connection.execute(query("transactions_lock"))
        parameters = {"zone": day.time_zone, "day": day.date, "until": day.end, "since": since, "now": now}
        rows = connection.execute(query("transactions_summarise"), parameters).fetchall()
        PostgresRecorder(connection).log(Completion(PIPELINE, run_id, now, day.end, day.start))
    return sorted({row[0] for row in rows})
