"""How far the pipelines are: what the ledger says is drained, and what has been through every stage."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from include.ledger.ledger import Advance, DeadLetterGroup, Stage, Validated
from include.ledger.postgres import PostgresLedger, connected
from include.records import MicroBatch, Shard
from include.sla.progress import log_drained, log_processed

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 29, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ONE, TWO = Shard("shardId-000000000000"), Shard("shardId-000000000001")


class World:
    """A ledger of a stream with two shards, and the log of completions beside it."""

    def __init__(self, ledger: PostgresLedger) -> None:
        self.ledger = ledger
        ledger.register("logs", [ONE, TWO], None, NOW)

    def tip(self, shard: Shard, minutes: float) -> None:
        """Let reading have stood at a shard's tip."""
        self.ledger.catch_up("logs", {shard.shard_id: NOW + minutes * MINUTE})

    def drain(self, minutes: float, generation: int = 0, origin: str | None = None) -> None:
        """Commit a batch of what arrived at the first shard within a minute, and leave the shard's tip unknown."""
        at = NOW + minutes * MINUTE
        number = f"{1000 + minutes:g}"
        batch = MicroBatch(
            batch_id=f"logs-{number}-{generation}-{origin}",
            stream="logs",
            shard_id=ONE.shard_id,
            first_sequence_number=number,
            first_sub_sequence=0,
            last_sequence_number=number,
            last_sub_sequence=0,
            records=1,
            bytes=1,
            sha256="0" * 64,
            first_arrived_at=at - MINUTE,
            last_arrived_at=at,
            raw_key=f"raw/{number}/{generation}/{origin}",
            generation=generation,
            origin_batch_id=origin,
        )
        ledger = self.ledger.for_generation(generation)
        if generation or origin:
            ledger.open_batch(batch, "run", NOW)
            return
        version = ledger.checkpoints("logs")[ONE.shard_id].version
        ledger.commit_drain(batch, Advance("logs", ONE.shard_id, version, number, False, at), "run", NOW)

    def refuse(self) -> None:
        """Validate every batch that waits: all records are dead letters, so no stage follows."""
        for claim in self.ledger.claim("logs", Stage.VALIDATE, "run", 9, MINUTE, NOW):
            self.ledger.complete_validate(
                claim, Validated(0, None, "dlq", [DeadLetterGroup("validate", "json_invalid", 1, "x")]), NOW
            )

    def logged(self, pipeline: str) -> list[tuple[str, float]]:
        """Return what a pipeline's completions cover: the run, and the minutes."""
        rows = self.ledger._connection.execute(
            "select run_id, covers_to from cali.pipeline_completion_log where pipeline_name = %s order by covers_to",
            [pipeline],
        ).fetchall()
        return [(run_id, (covers_to - NOW) / MINUTE) for run_id, covers_to in rows]

    def tell(self, run_id: str, minutes: float) -> None:
        """Log how far both are."""
        log_drained(self.ledger._connection, "logs", run_id, NOW + minutes * MINUTE)
        log_processed(self.ledger._connection, ["logs", "others"], run_id, NOW + minutes * MINUTE)


@pytest.fixture
def world(migrated_uri: str) -> Iterator[World]:
    """Yield a ledger that knows the shards and has read none."""
    with connected(migrated_uri) as connection:
        yield World(PostgresLedger(connection))


def test_a_stream_is_as_far_as_its_slowest_shard(world: World) -> None:
    """As long as one was never read, nothing is known; a run tells the same once."""
    world.tip(ONE, 7)
    world.tell("a", 10)
    world.tip(TWO, 5)
    world.tell("b", 10)
    world.tell("b", 11)
    world.tip(TWO, 9)
    world.tell("c", 12)
    assert world.logged("logs_drain") == [("b", 5), ("c", 7)]
    assert world.logged("consumer_batch") == [("b", 5), ("c", 7)]


def test_a_clock_that_is_ahead_covers_no_future(world: World) -> None:
    """What arrived by Kinesis' clock after now is no claim to be further than now."""
    world.tip(ONE, 20)
    world.tip(TWO, 20)
    world.tell("a", 10)
    assert world.logged("logs_drain") == [("a", 10)]


def test_what_waits_for_a_stage_holds_the_stages_up_and_not_the_drain(world: World) -> None:
    """They are as far as the oldest record of what waits; redriven and replayed batches hold up nobody."""
    world.drain(5)
    world.tip(TWO, 8)
    world.tell("a", 10)
    assert (world.logged("logs_drain"), world.logged("consumer_batch")) == ([("a", 5)], [("a", 4)])
    world.refuse()
    world.drain(2, generation=1)
    world.drain(1, origin="logs-1005-0-None")
    world.tell("b", 10)
    assert world.logged("consumer_batch") == [("a", 4), ("b", 5)]
