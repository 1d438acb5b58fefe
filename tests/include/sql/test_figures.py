"""The views that people read: what they say of a few known batches."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, LiteralString

import psycopg
import pytest

from include.adapters.object_store import InMemoryObjectStore
from include.ledger.ledger import DeadLetterGroup, Stage, Validated
from include.ledger.postgres import PostgresLedger, connected
from include.records import utc_now
from tests.include.compaction.publishing import LEASE, Publisher

pytestmark = pytest.mark.integration


@pytest.fixture
def connection(migrated_uri: str) -> Iterator[psycopg.Connection]:
    """Yield an empty ledger's connection."""
    with connected(migrated_uri) as opened:
        yield opened


@pytest.fixture
def publisher(connection: psycopg.Connection) -> Publisher:
    """Return who fills the ledger."""
    return Publisher(PostgresLedger(connection), InMemoryObjectStore())


def rows(connection: psycopg.Connection, statement: LiteralString) -> list[tuple[Any, ...]]:
    """Return what a statement answers."""
    return connection.execute(statement).fetchall()


def test_a_shards_lag_is_that_of_what_is_not_yet_drained_or_done(
    connection: psycopg.Connection, publisher: Publisher
) -> None:
    """Seconds since it was drained to, and what waits for its stages; a replay's shards are none of it."""
    Publisher(publisher.ledger, publisher.store, generation=1)
    arrived = utc_now() - timedelta(seconds=100)
    publisher.publish(arrived)
    publisher._drain(arrived, 100, 5)
    ((state, lag_s, batches, records),) = rows(
        connection, "select state, lag_s, waiting_batches, waiting_records from cali.shard_lag"
    )
    assert (state, batches, records) == ("open", 1, 5)
    assert 100 <= lag_s < 160


def test_an_idle_shard_that_was_looked_at_does_not_lag(connection: psycopg.Connection, publisher: Publisher) -> None:
    """Nothing came for an hour, and a look just now found nothing."""
    publisher.publish(utc_now() - timedelta(hours=1))
    publisher.ledger.catch_up("logs", {publisher.shard_id: utc_now()})
    ((lag_s,),) = rows(connection, "select lag_s from cali.shard_lag")
    assert lag_s < 60


def test_gaps_are_told_newest_first(connection: psycopg.Connection) -> None:
    """With their reason and how long they may be."""
    for hour in (1, 2):
        connection.execute(
            """
            insert into cali.stream_gaps (gap_id, stream, shard_id, reason, from_at, to_at, span_s, detected_at)
            select 'gap ' || at, 'logs', 'shardId-0', 'retention', at, at + interval '9 s', 9, at
            from (select make_timestamptz(2026, 3, 1, %s, 0, 0, 'UTC') as at) as begins
            """,
            [hour],
        )
    told = rows(connection, "select reason, extract(hour from from_at at time zone 'UTC')::int, span_s from cali.gaps")
    assert told == [("retention", 2, 9.0), ("retention", 1, 9.0)]


def test_sizes_of_batches_are_those_of_the_last_day(connection: psycopg.Connection, publisher: Publisher) -> None:
    """Older ones and replays do not count."""
    publisher.publish(utc_now() - timedelta(hours=25), 50)
    Publisher(publisher.ledger, publisher.store, generation=1).publish(utc_now(), 50)
    for records in (1, 2, 9):
        publisher.publish(utc_now(), records)
    assert rows(connection, "select * from cali.batch_sizes") == [("logs", 3, 2, 9, 9, 2, 9, 9)]


def test_a_redriven_batch_is_in_no_figure_of_the_drains_pace(
    connection: psycopg.Connection, publisher: Publisher
) -> None:
    """It is as late as its mending was, which says nothing of the way of a record."""
    publisher.publish(utc_now())
    connection.execute("update cali.micro_batches set origin_batch_id = batch_id")
    assert rows(connection, "select * from cali.batch_sizes") == []
    assert rows(connection, "select * from cali.stage_durations") == []


def test_durations_are_told_stage_by_stage(connection: psycopg.Connection, publisher: Publisher) -> None:
    """From the last record's arrival to the ledger, from there to each stage's end, and the whole way."""
    publisher.publish(utc_now())
    connection.execute(
        """
        update cali.micro_batches
        set first_arrived_at = drained_at - interval '9 s', last_arrived_at = drained_at - interval '1 s',
            validated_at = drained_at + interval '2 s', alerted_at = drained_at + interval '3 s',
            audited_at = drained_at + interval '6 s'
        """
    )
    assert rows(connection, "select stage, batches, p50_s::float, max_s::float from cali.stage_durations") == [
        ("drain", 1, 1.0, 1.0),
        ("validate", 1, 2.0, 2.0),
        ("alert", 1, 1.0, 1.0),
        ("audit", 1, 4.0, 4.0),
        ("oldest record to verdict", 1, 15.0, 15.0),
    ]


def test_dead_letters_are_counted_by_reason(connection: psycopg.Connection, publisher: Publisher) -> None:
    """The most frequent reason comes first, with how many of them were redriven."""
    now = utc_now()
    for number, groups in enumerate([[("missing", 1)], [("missing", 1), ("json_invalid", 3)]]):
        publisher._drain(now, number * 100, sum(count for _, count in groups))
        (claim,) = publisher.ledger.claim("logs", Stage.VALIDATE, "run", 1, LEASE, now)
        dead = [DeadLetterGroup("validate", reason, count, "x") for reason, count in groups]
        publisher.ledger.complete_validate(claim, Validated(0, None, "dlq/1", dead), now)
    connection.execute("update cali.dead_letters set redriven_records = 1 where reason = 'json_invalid'")
    told = rows(connection, "select reason, redrive_state, records, redriven, batches from cali.dead_letters_by_reason")
    assert told == [("json_invalid", "open", 3, 1, 1), ("missing", "open", 2, 0, 2)]
