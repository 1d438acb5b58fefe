"""Two runs with the same work: the one that was thought dead and comes back commits nothing."""

import json
import signal
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.crash.campaign import JUMP
from tests.crash.child import ALL_STEPS, Child, Order, Step, start
from tests.crash.points import Point
from tests.crash.producer import Producer
from tests.crash.site import Site
from tests.crash.verdict import judge

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]

SAME, OTHER = "run-0", "run-1"
TABLES = {
    "shard_checkpoints": "stream = %(stream)s",
    "micro_batches": "stream = %(stream)s",
    "batch_stages": "stream = %(stream)s",
    "dead_letters": "batch_id like %(stream)s || '-%%'",
    "quality_results": "batch_id like %(stream)s || '-%%'",
    "alert_groups": "stream = %(stream)s",
    "alert_outbox": "group_id in (select id from cali.alert_groups where stream = %(stream)s)",
}


@pytest.mark.parametrize("owner", [SAME, OTHER])
@pytest.mark.parametrize(
    ("step", "point"),
    [
        (Step.DRAIN, Point.RAW_WRITTEN),
        (Step.VALIDATE, Point.DLQ_WRITTEN),
        (Step.DISPATCH, Point.POST_ACCEPTED),
        (Step.AUDIT, Point.CLEAN_COPIED),
    ],
    ids=str,
)
def test_a_run_that_was_thought_dead_commits_nothing(
    site: Site, tmp_path: Path, step: Step, point: Point, owner: str
) -> None:
    """It is stopped at its point, another does the same work meanwhile, it goes on: no row changes, and all is proved.

    The other one is its own retry, under the same name, or another run when the lease is over.
    """
    stream = f"fenced-{step.name.lower()}-{owner}"
    site.create_stream(stream)
    before, losers, winners = ALL_STEPS[: ALL_STEPS.index(step)], tmp_path / "loser", tmp_path / "winner"
    # A message has no owner: whoever comes when its lease is over takes it.
    ahead = timedelta(0) if owner == SAME and step is not Step.DISPATCH else JUMP
    with Producer(site, stream, seed=1) as producer:
        producer.put(40)
        _done(site, Order(stream=stream, steps=before, cycles=1))
        stopped = start(
            Order(stream=stream, point=point, sent=signal.SIGSTOP, steps=[step], cycles=1, report=losers), site
        )
        stopped.wait_until_stopped()
        claimed = _claimed(site, stream, step)
        producer.put(5)
        _done(site, Order(stream=stream, owner=owner, ahead=ahead, steps=[step], cycles=1, report=winners))
        won = _rows(site, stream)
        stopped.go_on()
        _ended(stopped)
        assert _rows(site, stream) == won
        assert _finished(losers, step) == []
        # A drain claims nothing before it commits: there the winner takes at least one shard's batch.
        assert sorted(_finished(winners, step)) == claimed or (step is Step.DRAIN and _finished(winners, step))
        _done(site, Order(stream=stream, owner=OTHER, ahead=2 * JUMP, until_idle=True))
        verdict = judge(site, stream, producer.fingerprints)
    assert verdict.holds, verdict


def _done(site: Site, order: Order) -> None:
    _ended(start(order, site))


def _ended(child: Child) -> None:
    assert child.ended_within(60)
    assert child.exit_code == 0


def _claimed(site: Site, stream: str, step: Step) -> list[str]:
    """Return the batches that a run has taken for a step."""
    statement = (
        "select batch_id from cali.batch_stages where stream = %s and stage = %s and state = 'claimed' order by 1"
    )
    with psycopg.connect(site.postgres_uri) as connection:
        return [batch_id for (batch_id,) in connection.execute(statement, (stream, step.name.lower()))]


def _finished(report: Path, step: Step) -> Sequence[str]:
    batches: dict[str, list[str]] = json.loads(report.read_text())["batches"]
    return batches.get(step.name.lower(), [])


def _rows(site: Site, stream: str) -> dict[str, list[dict[str, Any]]]:
    with psycopg.connect(site.postgres_uri, row_factory=dict_row) as connection:
        return {
            table: sorted(connection.execute(f"select * from cali.{table} where {mine}", {"stream": stream}), key=str)  # noqa: S608
            for table, mine in TABLES.items()
        }
