"""The scheduler's rest: it ends for each kind of work, and what cannot be done is asked for less and less often."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy
from airflow import settings

from cali.rest import LONGEST_S, LOOK_EVERY_S, Rest, work_waits
from include.records import utc_now

HOUR = timedelta(hours=1)


class Clock:
    """Time that goes on by what was waited, and a wait that a task's end cuts short at a given moment."""

    def __init__(self, task_ends_at: float = float("inf")) -> None:
        self.now = 0.0
        self.task_ends_at = task_ends_at
        self.waits: list[float] = []

    def wait(self, seconds: float) -> bool:
        ends = self.now + seconds >= self.task_ends_at
        self.waits.append(min(seconds, self.task_ends_at - self.now))
        self.now += self.waits[-1]
        return ends


def rest_on(clock: Clock, look: Callable[[], bool]) -> Rest:
    """Return a rest that lives in the clock's time."""
    return Rest(look, lambda: clock.now)


def test_a_rest_without_work_ends_at_its_longest() -> None:
    """What the look does not see has to wait for that long and no longer."""
    clock = Clock()
    rest_on(clock, lambda: False).after_turn(clock.wait, busy=False)
    assert clock.now == pytest.approx(LONGEST_S, abs=LOOK_EVERY_S)


def test_a_rest_ends_when_work_is_seen() -> None:
    """Work that comes during a rest waits for one look."""
    clock = Clock()
    rest_on(clock, lambda: clock.now >= 0.25).after_turn(clock.wait, busy=False)
    assert clock.now == pytest.approx(0.3)


def test_a_rest_ends_when_a_task_has_ended() -> None:
    """A task's end is no matter of looking: it wakes the scheduler at once."""
    clock = Clock(task_ends_at=0.17)
    rest_on(clock, lambda: False).after_turn(clock.wait, busy=False)
    assert clock.now == pytest.approx(0.17)


def test_there_is_no_rest_after_a_busy_turn() -> None:
    """While there is something to do the scheduler turns as fast as it can."""
    clock = Clock()
    rest_on(clock, lambda: False).after_turn(clock.wait, busy=True)
    assert clock.waits == []


def test_work_that_nothing_is_done_about_is_asked_for_less_and_less_often() -> None:
    """A run that waits for its turn does not keep the scheduler turning; something else that happens ends that."""
    clock = Clock()
    rest = rest_on(clock, lambda: True)
    for busy in (False, False, False, False, False, False, True, False):
        rest.after_turn(clock.wait, busy=busy)
    assert clock.waits == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, LONGEST_S, 0.1])


@pytest.fixture
def airflow_engine(airflow_tables: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlalchemy.Engine]:
    """Yield an engine of Airflow's database with one DAG; it is this process's own, and all is undone at the end."""
    engine = sqlalchemy.create_engine(airflow_tables.replace("postgresql://", "postgresql+psycopg2://"))
    monkeypatch.setattr(settings, "engine", engine)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("truncate dag, dag_run, asset, dag_bundle cascade"))
    yield engine
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("truncate dag, dag_run, asset, dag_bundle cascade"))
    engine.dispose()


class World:
    """Rows in Airflow's tables, put there through its own models."""

    def __init__(self, engine: sqlalchemy.Engine) -> None:
        self.engine = engine

    def add(self, model: Any, **values: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(sqlalchemy.insert(model).values(**values))

    def dag(self, **values: Any) -> None:
        from airflow.models.dag import DagModel  # noqa: TID251 - Airflow's tables are what is asked
        from airflow.models.dagbundle import DagBundleModel  # noqa: TID251

        self.add(DagBundleModel, name="b")
        fixed = {"max_active_tasks": 1, "max_consecutive_failed_dag_runs": 0, "has_task_concurrency_limits": False}
        state = {"is_paused": False, "is_stale": False} | values
        self.add(DagModel, dag_id="d", bundle_name="b", **fixed, **state)

    def run(self, state: str, task_state: str, looked_at: datetime | None = None) -> None:
        from airflow.models.dagrun import DagRun  # noqa: TID251
        from airflow.models.taskinstance import TaskInstance  # noqa: TID251

        self.add(
            DagRun,
            dag_id="d",
            run_id="r",
            run_type="manual",
            state=state,
            run_after=utc_now(),
            last_scheduling_decision=looked_at,
        )
        of_task = {"dag_id": "d", "run_id": "r", "task_id": "t", "pool": "p", "state": task_state}
        of_task |= {"updated_at": utc_now()}
        self.add(sqlalchemy.inspect(TaskInstance).local_table, id=uuid4(), **of_task)

    def asset_event(self) -> None:
        from airflow.models.asset import AssetDagRunQueue, AssetModel  # noqa: TID251

        self.add(AssetModel, id=1, name="a", uri="a", group="")
        self.add(AssetDagRunQueue, asset_id=1, target_dag_id="d")


@pytest.mark.integration
@pytest.mark.parametrize(
    ("due", "state", "task_state", "event", "expected"),
    [
        (HOUR, "running", "deferred", False, False),
        (HOUR, "running", "scheduled", False, True),
        (HOUR, "queued", "deferred", False, True),
        (-HOUR, "running", "deferred", False, True),
        (HOUR, "running", "deferred", True, True),
    ],
    ids=["a task in the triggerer", "a task made ready", "a run asked for", "a DAG that is due", "an asset's event"],
)
def test_each_kind_of_work_is_seen(
    airflow_engine: sqlalchemy.Engine, due: timedelta, state: str, task_state: str, event: bool, expected: bool
) -> None:
    """One statement tells whether a turn of the scheduler's loop would find something to do."""
    world = World(airflow_engine)
    world.dag(next_dagrun_create_after=utc_now() + due)
    world.run(state, task_state)
    if event:
        world.asset_event()
    assert work_waits() is expected


@pytest.mark.integration
@pytest.mark.parametrize(("looked_at", "expected"), [(-HOUR, True), (HOUR, False)])
def test_a_task_that_changed_is_work_until_its_run_is_looked_at(
    airflow_engine: sqlalchemy.Engine, looked_at: timedelta, expected: bool
) -> None:
    """Whoever ended the task, a worker, a trigger or a person: what comes after it can begin."""
    world = World(airflow_engine)
    world.dag(next_dagrun_create_after=utc_now() + HOUR)
    world.run("running", "success", utc_now() + looked_at)
    assert work_waits() is expected


@pytest.mark.integration
@pytest.mark.parametrize("obstacle", ["is_paused", "is_stale"])
def test_a_dag_that_may_not_run_is_no_work(airflow_engine: sqlalchemy.Engine, obstacle: str) -> None:
    """Neither its time nor an event for it wakes the scheduler, which would leave both alone."""
    world = World(airflow_engine)
    world.dag(next_dagrun_create_after=utc_now() - HOUR, **{obstacle: True})
    world.asset_event()
    assert work_waits() is False


def test_a_database_that_is_away_ends_the_rest(
    free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The scheduler meets the error itself, in its own way."""
    engine = sqlalchemy.create_engine(f"postgresql+psycopg2://airflow:needle@127.0.0.1:{free_port()}/airflow")
    monkeypatch.setattr(settings, "engine", engine)
    assert work_waits() is True
    assert "cannot look for work" in caplog.text
    assert "needle" not in caplog.text
