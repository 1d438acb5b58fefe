"""What most likely made a pipeline late."""

from datetime import UTC, datetime

import pytest

from include.sla.incidents.causes import Cause, Failure, likely_cause, may_explain

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
FAILED = Failure("logs_drain", "drain", 4, NOON, "TransientError: S3 did\n answer", "http://airflow/log")


@pytest.mark.parametrize(
    ("pipeline", "failures", "lag_s", "waiting", "last", "cause"),
    [
        (
            "logs_drain",
            [FAILED],
            900.0,
            5,
            NOON,
            Cause("logs_drain.drain failed at 12:00 UTC (try 4): TransientError: S3 did answer", "http://airflow/log"),
        ),
        # Somebody else's failure explains nothing.
        (
            "daily_aggregation",
            [FAILED],
            None,
            None,
            NOON,
            Cause("no run has completed since 2026-03-02 12:00 UTC: paused, or not started?"),
        ),
        ("logs_drain", [], 900.0, 1200, NOON, Cause("drained up to 15 minutes ago, 1,200 records wait for a stage")),
        ("consumer_batch", [], 3.0, 7, NOON, Cause("drained up to 0 minutes ago, 7 records wait for a stage")),
        (
            "logs_drain",
            [],
            3.0,
            0,
            NOON,
            Cause("no run has completed since 2026-03-02 12:00 UTC: paused, or not started?"),
        ),
        ("ghost", [], None, None, None, Cause("no run has ever completed: does anything run it?")),
    ],
)
def test_the_nearest_reason_is_named(
    pipeline: str,
    failures: list[Failure],
    lag_s: float | None,
    waiting: int | None,
    last: datetime | None,
    cause: Cause,
) -> None:
    """A failing task before a lag, a lag before silence."""
    assert likely_cause(pipeline, failures, lag_s, waiting, last) == cause


@pytest.mark.parametrize(
    ("pipeline", "dag_id", "explains"),
    [
        ("logs_drain", "logs_drain", True),
        ("logs_drain", "logs_process", False),
        ("consumer_batch", "logs_process", True),
        ("consumer_batch", "logs_drain", True),
        ("consumer_batch", "notify", False),
        ("daily_aggregation", "daily_summary", True),
        ("mine", "mine", True),
    ],
)
def test_a_pipeline_knows_its_dags(pipeline: str, dag_id: str, explains: bool) -> None:
    """A pipeline is its DAG's name, but for those that several DAGs make."""
    assert may_explain(pipeline, dag_id) is explains
