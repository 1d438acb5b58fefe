"""The daily summary's step: which day a run is about, and a day on real servers."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from cali import daily_summary, stages, transactions
from cali.operators.kinesis_drain import KinesisDrainOperator
from include.errors import ConfigurationError, TransientError
from include.records import utc_now
from include.reports.settings import summary_settings
from tests.plugins.conftest import Servers
from tests.plugins.test_stages import event


def context(run_after: datetime, **params: Any) -> Any:
    """Return what a task of the run finds itself in."""
    run = SimpleNamespace(dag_id="daily_summary", run_id="run", run_after=run_after)
    return {"run_id": "run", "dag_run": run, "ti": SimpleNamespace(task_id="summarise"), "params": params}


def test_the_settings_are_named_when_they_are_wrong() -> None:
    """They have defaults, and a wrong one is told with its variable."""
    assert summary_settings({}).schedule == "20 1 * * *"
    assert summary_settings({"CALI_DAILY_SUMMARY_CHANNEL": "daily"}).channel == "daily"
    with pytest.raises(ConfigurationError, match="CALI_DAILY_SUMMARY_SCHEDULE='nightly'"):
        summary_settings({"CALI_DAILY_SUMMARY_SCHEDULE": "nightly"})


@pytest.fixture
def tomorrow(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> datetime:
    """Drain and process three events, let a day pass, and return the hour at which they are summarised."""
    begun = utc_now()
    monkeypatch.setattr(stages, "get_current_context", lambda: context(begun))
    monkeypatch.setattr(stages, "notify", lambda *_, **__: {})
    servers.put(event(1), event(2), b"rubbish", event(3))
    KinesisDrainOperator(task_id="drain", stream="logs").execute({"run_id": "run"})  # type: ignore[typeddict-item]
    for stage in (stages.validate, stages.alert, stages.audit):
        stage("logs")
    arrived: datetime
    ((arrived,),) = servers.connection.execute("select first_arrived_at from cali.micro_batches").fetchall()
    night = arrived.astimezone(UTC).replace(hour=1, minute=20, second=0, microsecond=0) + timedelta(days=1)
    monkeypatch.setattr(daily_summary, "utc_now", lambda: night)
    return night


def look(servers: Servers, at: datetime) -> None:
    """Let a drain have found nothing at that time."""
    servers.connection.execute("update cali.shard_checkpoints set caught_up_at = %s", [at])


@pytest.mark.integration
def test_a_day_goes_from_clean_objects_to_rows_a_report_and_a_message(servers: Servers, tomorrow: datetime) -> None:
    """On real servers; until the stream is drained past the day it is tried again."""
    with pytest.raises(TransientError, match="is not complete"):
        daily_summary.summarise(context(tomorrow))
    look(servers, tomorrow)
    day = (tomorrow - timedelta(days=1)).date()
    check = daily_summary.summarise(context(tomorrow))
    assert (check["day"], check["records"]) == (day.isoformat(), 3)
    assert servers.keys("reports") == sorted([check["html_key"], check["parquet_key"]])  # type: ignore[list-item]
    page = servers.s3.get_object(Bucket=servers.bucket, Key=check["html_key"])
    assert page["ContentType"] == "text/html; charset=utf-8"
    assert b"json_invalid" in page["Body"].read()
    counted = servers.connection.execute("select day, sum(records) from cali.daily_log_summary group by 1").fetchall()
    assert counted == [(day, 3)]
    notices = servers.connection.execute("select channel from cali.alert_outbox where kind = 'notice'").fetchall()
    assert notices == [("cali-alerts",)]
    again = daily_summary.summarise(context(tomorrow, date=day.isoformat()))
    assert again["parquet_key"] == check["parquet_key"]


@pytest.mark.integration
@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"date": "29.03.2026"}, "date='29.03.2026' is not allowed"),
        ({"date": "2026-02-30"}, "date='2026-02-30' is not allowed"),
        ({"date": "2999-01-01"}, "2999-01-01 is not over in UTC"),
        ({"day": "2026-03-29"}, "day='2026-03-29' is not allowed"),
    ],
)
@pytest.mark.usefixtures("servers")
def test_a_wrong_form_ends_the_run_at_once(params: dict[str, Any], named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another try would change nothing, neither of the logs' summary nor of the transactions'."""
    given = context(utc_now(), **params)
    with pytest.raises(AirflowFailException, match=named):
        daily_summary.summarise(given)
    monkeypatch.setattr(transactions, "get_current_context", lambda: given)
    with pytest.raises(AirflowFailException, match=named):
        transactions.summarise()
