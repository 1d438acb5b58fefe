"""A day's summary: what it counts, when it refuses, and what it makes known at once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from include.adapters.object_store import InMemoryObjectStore
from include.alerts.store import PostgresAlertStore
from include.errors import ConfigurationError, TransientError
from include.ledger.postgres import PostgresLedger, connected
from include.parquet import from_parquet
from include.reports.day import Day
from include.reports.store import PostgresReportStore
from include.reports.summarise import Desk, chosen_day, summarise
from include.sla.contract import Verdict
from include.sla.judge import judge
from include.sla.postgres import PostgresRecorder
from tests.include.compaction.publishing import Publisher
from tests.include.reports.logs_of_a_day import at, publish

pytestmark = pytest.mark.integration

SATURDAY = Day(date(2026, 3, 28), "UTC")
SUNDAY = Day(date(2026, 3, 29), "UTC")


@dataclass
class Site:
    """A database with a stream, and a clock that a test sets."""

    connection: psycopg.Connection
    publisher: Publisher
    now: datetime

    def desk(self, **others: Any) -> Desk:
        """Return where summaries read and write."""
        desk = Desk(
            store=PostgresReportStore(self.connection),
            objects=self.publisher.store,
            recorder=PostgresRecorder(self.connection),
            alerts=PostgresAlertStore(self.connection),
            channel="daily",
            clock=lambda: self.now,
        )
        return replace(desk, **others)

    def publish(self, *events: tuple[str, str, datetime]) -> str:
        """Publish a batch of events; the shard has been looked at since, and held no more."""
        key = publish(self.connection, self.publisher, events)
        self.publisher.ledger.catch_up("logs", {self.publisher.shard_id: self.now})
        return key

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Return what a statement answers."""
        return self.connection.execute(statement).fetchall()  # type: ignore[arg-type]


@pytest.fixture
def site(migrated_uri: str) -> Iterator[Site]:
    """Yield a site on Sunday night, whose Saturday and Sunday are drained and processed."""
    with connected(migrated_uri) as connection:
        publisher = Publisher(PostgresLedger(connection), InMemoryObjectStore())
        site = Site(connection, publisher, at(1, 20, day=29))
        site.publish(("pay", "ERROR", at(23, 59, day=27)), ("pay", "ERROR", at(0)), ("pay", "INFO", at(1)))
        site.publish(("auth", "INFO", at(23)), ("auth", "INFO", at(0, 30, day=29)))
        yield site


def test_a_day_is_counted_from_what_the_ledger_names(site: Site) -> None:
    """Into rows, an object of the same rows and a page; what lies in the bucket beside it is not looked at."""
    site.publisher.store.put("clean/stream=logs/dt=2026-03-28/hh=05/orphan.parquet", b"no parquet at all")
    saved = summarise(site.desk(), SATURDAY, "run")
    assert saved.records == 3
    counted = site.rows("select service, level, records from cali.daily_log_summary order by service, level")
    assert counted == [("auth", "INFO", 1), ("pay", "ERROR", 1), ("pay", "INFO", 1)]
    table = from_parquet(site.publisher.store.get(saved.parquet_key))
    assert [tuple(row.values())[1:4] for row in table.to_pylist()] == counted
    assert b"Saturday, 28 March 2026" in site.publisher.store.get(saved.html_key)


def test_the_completion_covers_the_day_and_happens_now(site: Site) -> None:
    """It is in the log with the report, and the day's window is on time by it."""
    summarise(site.desk(), SATURDAY, "run")
    logged = site.rows(
        "select pipeline_name, run_id, completed_at, covers_from, covers_to from cali.pipeline_completion_log"
    )
    assert logged == [("daily_aggregation", "run", site.now, SATURDAY.start, SATURDAY.end)]


def test_yesterday_is_told_once(site: Site) -> None:
    """Summarised again it tells nobody, and neither does a day of last week."""
    told = "select channel, payload ->> 'text' from cali.alert_outbox"
    summarise(site.desk(), Day(date(2026, 3, 21), "UTC"), "backfill")
    assert site.rows(told) == []
    for _ in range(2):
        summarise(site.desk(), SATURDAY, "run")
    assert site.rows(told) == [("daily", "📊 Saturday, 28 March 2026: 3 log events. ERROR 1 · INFO 2")]
    site.connection.execute("update cali.alert_outbox set state = 'sent', sent_at = now()")
    summarise(site.desk(), SATURDAY, "another run")
    assert len(site.rows(told)) == 1


def test_the_same_day_again_replaces_its_report(site: Site) -> None:
    """With what was mended since, and nothing of the former report is left in the bucket."""
    summarise(site.desk(), SATURDAY, "run")
    site.publish(("search", "WARN", at(23, 30)), ("search", "WARN", at(0, 31, day=29)))
    site.now += timedelta(days=3)
    saved = summarise(site.desk(), SATURDAY, "again")
    assert site.rows("select records, run_id from cali.daily_reports") == [(4, "again")]
    assert ("search", 1) in site.rows("select service, records from cali.daily_log_summary")
    assert list(site.publisher.store.keys("reports/")) == sorted([saved.parquet_key, saved.html_key])


def test_a_backfill_makes_no_old_window_look_fresh(site: Site) -> None:
    """Friday's report, made on Sunday, makes Friday late, and Saturday is still missed."""
    connection = site.connection
    connection.execute("delete from cali.sla_definitions where pipeline_name <> 'daily_aggregation'")
    connection.execute("delete from cali.sla_definition_versions where pipeline_name <> 'daily_aggregation'")
    connection.execute("update cali.sla_definition_versions set valid_from = '2026-03-26' where version = 2")
    connection.execute("delete from cali.sla_definition_versions where version = 1")
    connection.execute("insert into cali.completion_log_horizon (known_since) values ('2026-03-26')")
    recorder = PostgresRecorder(connection)
    ((of,),) = site.rows("select definition_id from cali.sla_definitions")
    judge(recorder, at(9, 1, day=29))
    assert [one.verdict for one in recorder.verdicts(of)] == [Verdict.MISSED] * 3
    site.now = at(12, day=29)
    summarise(site.desk(), Day(date(2026, 3, 27), "UTC"), "backfill")
    judge(recorder, at(12, 1, day=29))
    assert [one.verdict for one in recorder.verdicts(of)] == [Verdict.MISSED, Verdict.LATE, Verdict.MISSED]
    assert [one.minutes_late for one in recorder.violations(of)] == [None, 27 * 60, None]


def test_a_day_that_is_not_over_is_refused(site: Site) -> None:
    """Nothing is written, and the message says what to choose."""
    with pytest.raises(ConfigurationError, match="2026-03-29 is not over in UTC: choose an earlier date"):
        summarise(site.desk(), SUNDAY, "run")
    assert site.rows("select 1 from cali.daily_reports") == []


@pytest.mark.parametrize(
    "lag",
    [
        pytest.param(lambda site: site.publisher._drain(at(23, 50), 900, 5), id="a stage is missing"),
        pytest.param(
            lambda site: site.connection.execute(
                "update cali.shard_checkpoints set last_arrived_at = '2026-03-28 23:59Z', caught_up_at = null"
            ),
            id="not drained",
        ),
    ],
)
def test_a_day_that_is_not_complete_is_tried_again_later(site: Site, lag: Callable[[Site], object]) -> None:
    """And completes nothing meanwhile."""
    lag(site)
    with pytest.raises(TransientError, match="2026-03-28 is not complete"):
        summarise(site.desk(), SATURDAY, "run")
    assert site.rows("select 1 from cali.pipeline_completion_log union select 1 from cali.daily_reports") == []


def test_what_is_past_its_retention_is_not_counted_as_nothing(site: Site) -> None:
    """Neither where an object is gone, nor where the ledger's rows are: the report that there is stays."""
    summarise(site.desk(), SATURDAY, "run")
    site.connection.execute(
        """
        insert into cali.purges (object_key, room, reason, decided_at)
        select clean_key, 'clean', 'retention', now() from cali.micro_batches limit 1
        """
    )
    with pytest.raises(ConfigurationError, match="past their retention"):
        summarise(site.desk(), SATURDAY, "again")
    site.connection.execute("delete from cali.micro_batches")
    with pytest.raises(ConfigurationError, match="had 3 events when it was last summarised and has 0 now"):
        summarise(site.desk(), SATURDAY, "again")
    assert site.rows("select run_id, records from cali.daily_reports") == [("run", 3)]
    assert len(site.rows("select 1 from cali.daily_log_summary")) == 3


def test_report_completion_and_message_come_together_or_not_at_all(site: Site) -> None:
    """Where the last of them fails, none is there."""

    class Full(PostgresAlertStore):
        def enqueue(self, *_: object) -> bool:
            raise TransientError("no room")

    with pytest.raises(TransientError, match="no room"):
        summarise(site.desk(alerts=Full(site.connection)), SATURDAY, "run")
    assert site.rows("select 1 from cali.pipeline_completion_log union select 1 from cali.daily_reports") == []
    assert summarise(site.desk(), SATURDAY, "run").records == 3


def test_a_run_is_about_the_day_before_it_was_due(site: Site) -> None:
    """In the zone of the service level, unless it was asked for another date."""
    store = PostgresReportStore(site.connection)
    site.connection.execute("update cali.sla_definitions set time_zone = 'Asia/Seoul' where sla_type = 'daily'")
    assert chosen_day(store, None, at(15)) == Day(date(2026, 3, 28), "Asia/Seoul")
    assert chosen_day(store, None, at(14, 59)) == Day(date(2026, 3, 27), "Asia/Seoul")
    assert chosen_day(store, "2024-02-29", at(15)) == Day(date(2024, 2, 29), "Asia/Seoul")
    with pytest.raises(ConfigurationError, match="date='2026-02-30' is not allowed"):
        chosen_day(store, "2026-02-30", at(15))
    site.connection.execute("delete from cali.sla_definitions")
    assert chosen_day(store, None, at(15)) == Day(date(2026, 3, 27), "UTC")


def test_an_object_of_many_rows_is_read_piece_by_piece(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many rows an object has, so many at a time are counted."""
    monkeypatch.setattr("include.reports.summarise.ROWS_AT_ONCE", 10)
    sizes: list[int] = []
    site.publish(*[("bulk", "INFO", at(12))] * 95)

    def watched(day: Day, tables: Iterator[pa.Table]) -> list[Any]:
        from include.reports.tally import tally

        return tally(day, (sizes.append(table.num_rows) or table for table in tables))  # type: ignore[func-returns-value]

    monkeypatch.setattr("include.reports.summarise.tally", watched)
    assert summarise(site.desk(), SATURDAY, "run").records == 98
    assert (max(sizes), sum(sizes)) == (10, 100)
