"""No secret that a program logs reaches Slack, the alerts' tables or a task's log."""

import logging
from datetime import timedelta

import psycopg
import pytest
from slack_sdk import WebClient

from include import streams
from include.adapters.kinesis_memory import InMemoryStream
from include.adapters.object_store import InMemoryObjectStore
from include.adapters.slack import SlackApiMessenger
from include.alerts.dispatch import dispatch
from include.alerts.settings import AlertSettings
from include.alerts.store import PostgresAlertStore
from include.drain.buffer import BufferHints
from include.drain.drain import DrainRequest, drain
from include.drain.read_shard import ShardSource
from include.keys import Room
from include.ledger.memory import InMemoryLedger
from include.parquet import from_parquet
from include.process.alert_stage import alert_pending
from include.process.audit_stage import QualityDesk, audit_pending
from include.process.validate_stage import validate_pending
from include.process.work import Workplace
from include.records import utc_now
from tests.planted import Planter
from tests.planted_events import broken, found, in_slack, payload

PLANTED = 500
SETTINGS = AlertSettings(
    pace=timedelta(0),
    update_pace=timedelta(0),
    # A message for each of many groups that open at once.
    storm_groups=1_000_000,
    backlog_after=timedelta(days=365),
)
URL = "http://127.0.0.1:8080/dags/logs_process/runs/manual"


@pytest.mark.integration
def test_five_hundred_planted_secrets_reach_nobody(
    migrated_uri: str, slack_client: WebClient, caplog: pytest.LogCaptureFixture
) -> None:
    """In messages, traces, pods and names of fields: none in Slack, none in Postgres, none in any log at any level."""
    planter = Planter(7)
    planted = planter.plant(PLANTED)
    secrets = [secret for each in planted for secret in each.secrets]
    assert len(planter.kinds) >= 15
    caplog.set_level(logging.DEBUG)
    stream, bucket, ledger = InMemoryStream("logs"), InMemoryObjectStore(), InMemoryLedger()
    for number, each in enumerate(planted):
        stream.put("shardId-000000000000", payload(number, each), utc_now())
        stream.put("shardId-000000000000", broken(each), utc_now())
    drain(
        ShardSource("logs", "logs", stream, utc_now, lambda _: None), bucket, ledger, DrainRequest("r", BufferHints())
    )
    with psycopg.connect(migrated_uri, autocommit=True) as connection:
        store = PostgresAlertStore(connection)
        place = Workplace(streams.get("logs"), bucket, ledger, "run", utc_now)
        assert validate_pending(place).counts["dead_lettered"] == PLANTED
        assert alert_pending(place, store, SETTINGS, URL).counts["alertable"] == PLANTED
        assert audit_pending(place, QualityDesk(store, SETTINGS, URL)).counts["quarantined"] == 1
        report = dispatch(store, SlackApiMessenger(slack_client), SETTINGS, budget_seconds=120)
        assert (report.sent, report.waiting) == (PLANTED + 1, False)
        stored = repr([store.groups(), store.messages()])
    quality = repr([ledger._tables])
    (dlq,) = bucket.keys(f"{Room.DLQ}/")
    refused = repr(from_parquet(bucket.get(dlq), ["message"]).to_pylist())
    slack = in_slack(slack_client)
    assert [number for number in range(PLANTED) if f"service-{number}:" not in slack] == []
    places = {"Slack": slack, "groups": stored, "logs": caplog.text, "quality": quality, "dead letters": refused}
    caplog.clear()
    leaks = {place: found(secrets, text) for place, text in places.items()}
    assert leaks == {place: [] for place in places}
    raw = b"".join(
        data for key in bucket.keys(f"{Room.RAW}/") for data in from_parquet(bucket.get(key))["data"].to_pylist()
    )
    assert all(found(each.secrets, raw.decode("unicode_escape")) for each in planted)
