"""Whatever is killed whenever: nothing is lost, doubled or misjudged. And a pipeline that does lose is found out."""

import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import pytest

from include.keys import Room, object_key
from include.ledger.ledger import Advance, Claim
from include.ledger.postgres import PostgresLedger
from include.records import MicroBatch
from tests.crash.campaign import Campaign, Part
from tests.crash.points import OF_DISPATCH, Point
from tests.crash.site import Site
from tests.crash.verdict import judge

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("steps", "kills", "points"), [("all", 50, Point), ("dispatch", 16, OF_DISPATCH)])
def test_some_kills_lose_and_double_nothing(steps: str, kills: int, points: Iterable[Point]) -> None:
    """The command ends with 0, and its table has a line for every point and for the random kills."""
    command = [sys.executable, "-m", "tests.crash", "--steps", steps, "--kills", str(kills), "--seed", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert [point for point in (*points, "at random", "all") if not any(line.startswith(point) for line in lines)] == []


def _find_nothing(*_: object) -> None:
    """Slack is not searched."""


def _name_by_chance(room: Room, claim: Claim) -> str:
    """Each attempt of a validation has a key of its own."""
    return object_key(room, claim.stream, claim.first_arrived_at, f"{uuid4()}.parquet")


COMMIT = PostgresLedger.commit_drain


def _commit_twice(ledger: PostgresLedger, batch: MicroBatch, advance: Advance, run_id: str, now: datetime) -> None:
    """The checkpoint is committed first, the batch after it."""
    COMMIT(ledger, None, advance, run_id, now)
    COMMIT(ledger, batch, replace(advance, expected_version=advance.expected_version + 1), run_id, now)


@pytest.mark.parametrize(
    ("point", "place", "fault", "found"),
    [
        (Point.DRAIN_COMMITTED, "include.ledger.postgres.PostgresLedger.commit_drain", _commit_twice, "lost"),
        (Point.DLQ_WRITTEN, "include.process.validate_stage._key", _name_by_chance, "duplicated"),
        (Point.POST_ACCEPTED, "include.adapters.slack.SlackApiMessenger.find", _find_nothing, "doubled"),
    ],
)
def test_a_fault_is_found_out(
    site: Site, monkeypatch: pytest.MonkeyPatch, point: Point, place: str, fault: Callable[..., object], found: str
) -> None:
    """A library that has it does not pass, and the verdict names what went wrong."""
    monkeypatch.setattr(place, fault)
    log = Campaign(site, seed=1, say=lambda _: None).run_part(Part(point, 3), 3)
    verdict = judge(site, log.part.stream, log.fingerprints)
    figures = {"doubled": verdict.alerts.doubled, "lost": verdict.proof.lost, "duplicated": verdict.proof.duplicated}
    assert (verdict.holds, {name for name, figure in figures.items() if figure}) == (False, {found})
