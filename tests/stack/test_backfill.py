"""Days that nobody summarised are made up for with Airflow's own backfill."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from include.records import utc_now
from local import stack
from tests.eventually import eventually

if TYPE_CHECKING:
    from datetime import date

    from tests.stack.running_stack import RunningStack

pytestmark = [pytest.mark.integration, pytest.mark.stack, pytest.mark.thorough, pytest.mark.timeout(1800)]

WITHIN_S = 300.0
REPORTS = """
    select day, completed_at >= %(since)s as completed_now
    from cali.daily_reports
    join cali.pipeline_completion_log as completions using (run_id)
    where pipeline_name = 'daily_aggregation' and day = any(%(days)s) and covers_to <= %(since)s
    order by day
"""
TOLD = "select dedup_key from cali.alert_outbox where dedup_key = any(%(keys)s)"


def test_a_backfill_makes_up_for_the_days_before_its_runs(running_stack: RunningStack) -> None:
    """`airflow backfill create` reports the day before each of its runs, which completes now, and tells nobody."""
    since = utc_now()
    midnight = since.replace(hour=0, minute=0, second=0, microsecond=0)
    days = [(midnight - timedelta(days=ago)).date() for ago in (9, 8)]
    backfill(running_stack, days[0] + timedelta(days=1), days[-1] + timedelta(days=2))
    running_stack.put(seed=71)  # A stream that was never looked at is not known to be drained.
    expected = [{"day": day, "completed_now": True} for day in days]
    values = {"since": since, "days": days}
    eventually(
        lambda: running_stack.rows(REPORTS, **values) == expected,
        WITHIN_S,
        lambda: (running_stack.rows(REPORTS, **values), running_stack.airflow.tasks("daily_summary")),
    )
    runs = running_stack.airflow.get("dags/daily_summary/dagRuns", run_type="backfill")["dag_runs"]
    due = [datetime.fromisoformat(run["run_after"]).date() - timedelta(days=1) for run in runs]
    assert sorted(due) == days
    assert running_stack.rows(TOLD, keys=[f"notice:daily-summary:{day}" for day in days]) == []


def backfill(running_stack: RunningStack, begin: date, end: date) -> None:
    """Ask for the runs between two midnights, as docs/daily-reports.md says."""
    dates = ["--from-date", begin.isoformat(), "--to-date", end.isoformat()]
    assert stack.airflow(["backfill", "create", "--dag-id", "daily_summary", *dates], running_stack.environment) == 0
