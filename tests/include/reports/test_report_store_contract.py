"""Both stores keep one report for a date; the one in Postgres reads what the ledger says."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import psycopg
import pytest

from include.adapters.object_store import InMemoryObjectStore
from include.ledger.ledger import DeadLetterGroup, Stage, Validated
from include.ledger.postgres import PostgresLedger, connected
from include.reports.day import Day
from include.reports.store import PostgresReportStore, ReportStore
from include.reports.store_memory import InMemoryReportStore
from include.reports.values import (
    AttainmentLine,
    DeadLetterLine,
    LogCount,
    QualityLine,
    Readiness,
    SavedReport,
)
from tests.include.compaction.publishing import LEASE, Publisher
from tests.include.reports.logs_of_a_day import at, publish
from tests.include.sla.attained import judged, promise
from tests.include.sla.test_recorder_contract import forget_seeds

ON = date(2026, 3, 28)
DAY = Day(ON, "UTC")
SAVED = SavedReport(ON, "UTC", DAY.start, DAY.end, 5, "a.parquet", "a.html", "run", at(1, day=29))
COUNTS = [LogCount("auth", "INFO", 2, at(1), at(2)), LogCount("pay", "INFO", 3, at(1), at(2))]


@pytest.fixture
def connection(migrated_uri: str) -> Iterator[psycopg.Connection]:
    """Yield a connection to an empty database."""
    with connected(migrated_uri) as opened:
        yield opened


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.integration)])
def store(request: pytest.FixtureRequest) -> ReportStore:
    """Return an empty store."""
    if request.param == "memory":
        return InMemoryReportStore()
    return PostgresReportStore(request.getfixturevalue("connection"))


def test_a_date_has_one_report(store: ReportStore) -> None:
    """The second takes the first one's place, with what it counts alone; other dates stay."""
    assert (store.saved(ON), store.logs(ON)) == (None, [])
    with store.transaction():
        store.save(SAVED, COUNTS)
        store.save(replace(SAVED, day=date(2026, 3, 27)), COUNTS[:1])
    assert (store.saved(ON), store.logs(ON)) == (SAVED, COUNTS)
    again, counts = replace(SAVED, run_id="again", records=9), [replace(COUNTS[1], records=9)]
    for _ in range(2):
        store.save(again, counts)
        assert (store.saved(ON), store.logs(ON)) == (again, counts)
    assert store.logs(date(2026, 3, 27)) == COUNTS[:1]
    store.save(replace(SAVED, records=0), [])
    assert store.logs(ON) == []


@pytest.fixture
def publisher(connection: psycopg.Connection) -> Publisher:
    """Return who fills the ledger."""
    return Publisher(PostgresLedger(connection), InMemoryObjectStore())


@pytest.mark.integration
def test_a_day_is_ready_when_all_of_it_is_drained_and_done(
    connection: psycopg.Connection, publisher: Publisher
) -> None:
    """What other days wait for holds nothing up, and a shard that nobody has read says nothing."""
    reports = PostgresReportStore(connection)
    assert reports.readiness("logs", DAY) == Readiness(None, 0)
    publisher.publish(at(23))
    assert reports.readiness("logs", DAY) == Readiness(at(23), 0)
    publisher._drain(at(23, 30), 100, 5)
    assert reports.readiness("logs", DAY) == Readiness(at(23, 30), 1)
    publisher._drain(at(0, 5, day=29), 200, 5)
    assert reports.readiness("logs", DAY) == Readiness(at(0, 5, day=29), 1)
    connection.execute("update cali.micro_batches set last_arrived_at = %s where records = 5", [at(0, 5, day=29)])
    assert reports.readiness("logs", Day(date(2026, 3, 29), "UTC")).unfinished == 2


@pytest.mark.integration
def test_the_objects_of_a_day_are_those_that_the_ledger_names(
    connection: psycopg.Connection, publisher: Publisher
) -> None:
    """With the batch that began the day before; neither a replay's, nor what is quarantined, nor another day's."""
    keys = [
        publish(connection, publisher, [("a", "INFO", at(23, 50, day=27)), ("a", "INFO", at(0, 1))]),
        publish(connection, publisher, [("a", "INFO", at(12))]),
    ]
    publisher.publish(at(13), quarantine=True)
    Publisher(publisher.ledger, publisher.store, generation=1).publish(at(14))
    publisher.publish(at(0, day=29))
    publisher.publish(at(22, day=27))
    reading = PostgresReportStore(connection).reading("logs", DAY)
    assert (reading.keys, reading.published, reading.held) == (keys, 3, 3)
    insert = "insert into cali.purges (object_key, room, reason, decided_at) values (%s, 'clean', 'retention', now())"
    connection.execute(insert, [keys[0]])
    reading = PostgresReportStore(connection).reading("logs", DAY)
    assert (reading.keys, reading.published, reading.held) == (keys[1:], 3, 1)


@pytest.mark.integration
def test_the_facts_are_the_days_own(connection: psycopg.Connection, publisher: Publisher) -> None:
    """Audits, dead letters and windows of the day; those of the day before and after are not there."""
    forget_seeds(connection)
    for day in (27, 28, 29):
        publisher.publish(at(12, day=day))
    publisher.publish(at(13), 4, quarantine=True)
    connection.execute("update cali.quality_results set success = batch_id not in (select batch_id from "
                       "cali.micro_batches where state = 'quarantined')")  # fmt: skip
    publisher._drain(at(14), 900, 5)
    (claim,) = publisher.ledger.claim("logs", Stage.VALIDATE, "run", 1, LEASE, at(14))
    dead = [DeadLetterGroup("validate", "missing", 2, "x"), DeadLetterGroup("decode", "gzip", 3, "x")]
    publisher.ledger.complete_validate(claim, Validated(0, None, "dlq/1", dead), at(14))
    of = promise(connection, "batch", "hourly", 5, at(0, day=20), objective_percent=95)
    judged(connection, of, "-" + "+" * 20 + "l-?x" + "-", at(1, day=29), timedelta(hours=1))
    promise(connection, "off", "daily", 5, at(0, day=20), enabled=False)
    facts = PostgresReportStore(connection).facts(DAY)
    assert facts.quality == [QualityLine("logs", "logs", 1, 1, 4)]
    assert facts.dead_letters == [
        DeadLetterLine("logs", "decode", "gzip", 3, 0),
        DeadLetterLine("logs", "validate", "missing", 2, 0),
    ]
    assert facts.attainment == [AttainmentLine("batch", "hourly", 95, 22, 20, 1, 1)]
    assert facts.groups == []


@pytest.mark.integration
def test_the_zone_is_that_of_the_daily_service_level(connection: psycopg.Connection) -> None:
    """The migration has enabled it; a pipeline without one has none."""
    reports = PostgresReportStore(connection)
    assert reports.time_zone("daily_aggregation") == "UTC"
    connection.execute("update cali.sla_definitions set time_zone = 'Asia/Seoul' where sla_type = 'daily'")
    assert (reports.time_zone("daily_aggregation"), reports.time_zone("logs_drain")) == ("Asia/Seoul", None)
    enabled = connection.execute(
        "select enabled from cali.sla_definitions where pipeline_name = 'daily_aggregation'"
    ).fetchall()
    assert enabled == [(True,)]
