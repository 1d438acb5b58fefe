"""What Python and Parquet hold and Postgres does not must not stop a batch behind its validation."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from include import streams
from include.adapters.kinesis_memory import InMemoryStream
from include.adapters.object_store import InMemoryObjectStore
from include.adapters.slack_memory import InMemoryMessenger
from include.alerts.dispatch import dispatch
from include.alerts.settings import AlertSettings
from include.alerts.store import PostgresAlertStore
from include.drain.buffer import BufferHints
from include.drain.drain import DrainRequest, drain
from include.drain.read_shard import ShardSource
from include.ledger.postgres import PostgresLedger
from include.process.alert_stage import alert_pending
from include.process.audit_stage import QualityDesk, audit_pending
from include.process.validate_stage import validate_pending
from include.process.work import LEASE, Workplace
from include.proof.summary import ledger_counts
from include.records import utc_now
from tests.include.drain.packing import NOW
from tests.poison import hard, refused

SETTINGS = AlertSettings(pace=timedelta(0), update_interval=timedelta(0))
SHARD = "shardId-000000000000"


def carried(connection: psycopg.Connection[Any], payloads: list[bytes]) -> dict[str, int]:
    """Put records, do all that Airflow's tasks do with them on a real database, and return the ledger's counts."""
    stream, store, ledger = InMemoryStream("logs"), InMemoryObjectStore(), PostgresLedger(connection)
    alerts, messenger = PostgresAlertStore(connection), InMemoryMessenger(utc_now)
    for payload in payloads:
        stream.put(SHARD, payload, NOW)
    source = ShardSource("logs", "logs", stream, lambda: NOW, lambda _: None)
    drain(source, store, ledger, DrainRequest("run", BufferHints()))
    place = Workplace(streams.get("logs"), store, ledger, "run", lambda: NOW)
    validate_pending(place)
    alert_pending(place, alerts, SETTINGS, "http://127.0.0.1/run")
    audit_pending(place, QualityDesk(alerts, SETTINGS, "http://127.0.0.1/run"))
    report = dispatch(alerts, messenger, SETTINGS, budget_seconds=20)
    assert (report.failed, report.waiting, ledger.unfinished("logs", NOW + LEASE)) == (0, False, 0)
    return ledger_counts(connection, "logs") | {"told": sum(group.count for group in alerts.groups())}


@pytest.mark.integration
def test_hard_records_go_through_every_stage_on_a_real_database(migrated_uri: str) -> None:
    """NUL, odd line ends, text that turns round, huge numbers and the longest texts are audited, grouped and told."""
    with psycopg.connect(migrated_uri, autocommit=True) as connection:
        counts = carried(connection, [*hard(), *refused().values()])
    assert (counts["valid"], counts["dead_lettered"]) == (len(hard()), len(refused()))
    assert (counts["alertable"], counts["published"], counts["unconserved"]) == (len(hard()), 1, 0)
    assert counts["told"] == len(hard())


@pytest.mark.integration
def test_a_hard_record_in_a_batch_that_fails_its_suite_is_quarantined_and_told(migrated_uri: str) -> None:
    """What an unexpected value holds goes into the report and the quality alert, NUL included."""
    with psycopg.connect(migrated_uri, autocommit=True) as connection:
        counts = carried(connection, [event for event in hard() for _ in range(3)])
    assert (counts["published"], counts["quarantined"], counts["open_stages"]) == (0, 1, 0)
