"""The drain operator against real servers: it drains what is there, defers for what is not, and says why it skips."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException, TaskDeferred
from hypothesis import example, given
from hypothesis import strategies as st

from cali.operators.kinesis_drain import MOST_IDS, KinesisDrainOperator, _claim_check, _instant, _positive
from cali.pipelines import StreamPage, drain_dag
from include.drain.drain import DrainReport
from include.drain.raw_batch import raw_batch
from include.errors import ConfigurationError
from include.records import StreamRecord
from tests.plugins.conftest import Servers

CONTEXT: Any = {"run_id": "scheduled__1", "dag_run": SimpleNamespace(dag_id="logs_drain", run_id="scheduled__1")}
NOTHING: list[str | None] = [None, "", "None"]
ARRIVED = datetime(2026, 3, 1, tzinfo=UTC)


def operator(**arguments: Any) -> KinesisDrainOperator:
    """Return the operator outside a DAG."""
    return KinesisDrainOperator(task_id="drain", stream="logs", **arguments)


@pytest.mark.integration
def test_waiting_records_are_drained_at_once_into_a_claim_check(servers: Servers) -> None:
    """What goes through XCom is small JSON of ids and counts; the records are on S3 alone."""
    servers.put(b"needle-1", b"needle-2")
    outcome = operator().execute(CONTEXT)
    (batch_id,) = outcome["batches"]
    assert outcome == {
        "batches": [batch_id],
        "batch_count": 1,
        "records": 2,
        "closed_shards": [],
        "behind_s": 0.0,
        "gaps": 0,
        "unfinished": 0,
        "express": {},
    }
    written = json.dumps(outcome)
    assert len(written) < 1000
    assert "needle" not in written
    (key,) = servers.keys("raw")
    assert [key] == [row[0] for row in servers.connection.execute("select raw_key from cali.micro_batches")]


@pytest.mark.integration
def test_a_run_stays_while_records_keep_coming(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes while it rests is drained before it ends; the first drain that finds nothing ends it."""
    coming = [[b"2", b"3"], [b"4"], []]
    monkeypatch.setenv("CALI_LOGS_STAY_S", "300")
    monkeypatch.setattr("cali.operators.kinesis_drain.PAUSE_S", 0)
    monkeypatch.setattr("cali.operators.kinesis_drain.time.sleep", lambda _: servers.put(*coming.pop(0)))
    servers.put(b"1")
    outcome = operator().execute(CONTEXT)
    assert (outcome["records"], outcome["batch_count"], coming) == (4, 3, [])


@pytest.mark.integration
@pytest.mark.parametrize(("asked", "stay_s"), [(1, "300"), (None, "0")])
def test_a_run_that_is_told_how_much_or_not_to_stay_drains_once(
    servers: Servers, monkeypatch: pytest.MonkeyPatch, asked: int | None, stay_s: str
) -> None:
    """Neither takes a second bite."""
    monkeypatch.setenv("CALI_LOGS_STAY_S", stay_s)
    monkeypatch.setattr("cali.operators.kinesis_drain.time.sleep", lambda _: pytest.fail("it stays"))
    servers.put(b"1")
    assert operator(max_records=asked).execute(CONTEXT)["records"] == 1


@pytest.mark.integration
def test_an_empty_stream_defers_with_the_doorbell_of_its_settings(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker slot is given back, and the trigger knows which stream to watch and how often."""
    monkeypatch.setenv("CALI_LOGS_IDLE_S", "33")
    with pytest.raises(TaskDeferred) as deferred:
        operator().execute(CONTEXT)
    assert deferred.value.method_name == "answer"
    assert deferred.value.trigger.serialize() == (
        "cali.triggers.kinesis_backlog.KinesisBacklogTrigger",
        {
            "stream": "logs",
            "kinesis_stream": servers.kinesis_stream,
            "poll_s": 0.25,
            "idle_s": 33,
            "aws_conn_id": "aws_default",
            "postgres_conn_id": "cali_postgres",
            "forgotten_work": True,
        },
    )


@pytest.mark.integration
def test_a_look_at_an_empty_stream_completes_drain_and_stages(servers: Servers) -> None:
    """An idle stream is no late one; with a batch, it is for the stages to say how far they are."""
    logged = "select pipeline_name, run_id from cali.pipeline_completion_log order by 1"
    servers.put(b"1")
    operator().execute(CONTEXT)
    assert servers.connection.execute(logged).fetchall() == [("logs_drain", "scheduled__1")]
    servers.connection.execute("delete from cali.pipeline_completion_log")
    with pytest.raises(TaskDeferred):
        operator().execute(CONTEXT)
    assert servers.connection.execute(logged).fetchall() == [
        ("consumer_batch", "scheduled__1"),
        ("logs_drain", "scheduled__1"),
    ]


@pytest.mark.integration
def test_a_doubled_ring_drains_nothing_twice(servers: Servers) -> None:
    """The second answer to one ring finds the checkpoint moved, and skips with the ring's reason."""
    servers.put(b"1")
    assert operator().answer(CONTEXT, {"reason": "backlog"})["records"] == 1
    with pytest.raises(AirflowSkipException, match=r"Nothing to drain from logs \(doorbell: backlog\)"):
        operator().answer(CONTEXT, {"reason": "backlog"})
    assert len(servers.keys("raw")) == 1


@pytest.mark.integration
def test_forgotten_work_makes_the_run_succeed_without_a_batch(servers: Servers) -> None:
    """A stage that waits longer than PATIENCE wakes the process DAG through the Asset; a fresh one does not."""
    servers.put(b"1")
    operator().execute(CONTEXT)
    with pytest.raises(TaskDeferred):
        operator().execute(CONTEXT)
    servers.age_stages()
    outcome = operator().execute(CONTEXT)
    assert (outcome["batch_count"], outcome["unfinished"]) == (0, 1)


@pytest.mark.integration
def test_a_run_takes_no_larger_bite_than_it_was_told_to(servers: Servers) -> None:
    """`max_records` of the form bounds each shard's batch, and the rest waits for the next run."""
    servers.put(b"1", b"2", b"3")
    assert [operator(max_records="2").execute(CONTEXT)["records"] for _ in range(2)] == [2, 1]


@pytest.mark.integration
def test_a_new_stream_begins_at_the_given_time(servers: Servers) -> None:
    """`from_timestamp` is where the ledger lets the first shards start."""
    servers.put(b"1")
    operator(from_timestamp="2026-01-31T12:00:00+00:00").execute(CONTEXT)
    (checkpoint,) = servers.ledger.checkpoints("logs").values()
    assert checkpoint.start_at == datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.integration
def test_records_of_a_split_parent_and_its_children_come_in_one_run(servers: Servers) -> None:
    """A shard that was split while nobody looked is drained to its end, and the claim check names it."""
    servers.put(b"1")
    parent = servers.split()
    servers.put(b"2")
    outcome = operator().execute(CONTEXT)
    assert (outcome["records"], outcome["closed_shards"]) == (2, [parent.shard_id])


@pytest.mark.integration
@pytest.mark.usefixtures("servers")
def test_an_undefined_connection_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The task's last log line says which Connection to add, and how."""
    monkeypatch.delenv("AIRFLOW_CONN_CALI_POSTGRES")
    with pytest.raises(ConfigurationError, match=r"'cali_postgres' is not defined.*AIRFLOW_CONN_CALI_POSTGRES="):
        operator().execute(CONTEXT)


@pytest.mark.integration
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"max_records": -5}, "max_records=-5"),
        ({"max_records": "many"}, "max_records='many'"),
        ({"from_timestamp": "yesterday"}, "from_timestamp='yesterday'"),
        ({"from_timestamp": "2026-01-31T12:00:00"}, "from_timestamp='2026-01-31T12:00:00' has no zone"),
    ],
)
def test_a_wrong_parameter_is_named_and_drains_nothing(servers: Servers, arguments: dict[str, Any], named: str) -> None:
    """A run with a parameter that makes no sense fails before it reads a record."""
    servers.put(b"1")
    with pytest.raises(ConfigurationError, match=named):
        operator(**arguments).execute(CONTEXT)
    assert servers.keys("raw") == []


@pytest.mark.parametrize("value", NOTHING)
def test_an_empty_field_of_the_form_means_nothing_was_asked(value: str | None) -> None:
    """None, an empty text and a rendered `None` all leave the setting's bound and the checkpoint in force."""
    assert (_positive("max_records", value), _instant("from_timestamp", value)) == (None, None)


@given(st.integers(1, 10**9))
def test_a_whole_number_from_one_on_is_taken(number: int) -> None:
    """As a number or as text, with the same value."""
    assert (_positive("max_records", number), _positive("max_records", str(number))) == (number, number)


@example("²")
@example([1])
@given(st.text().filter(lambda text: text not in NOTHING) | st.integers(max_value=0) | st.floats() | st.booleans())
def test_anything_else_is_a_configuration_error_or_a_number(value: Any) -> None:
    """Whatever a template renders to, the outcome is a number from 1 on or an error that names the parameter."""
    try:
        assert _positive("max_records", value) == int(value) > 0
    except ConfigurationError as error:
        assert str(error).startswith("max_records=")  # noqa: PT017 - both outcomes are allowed


@given(st.text().filter(lambda text: text not in NOTHING))
def test_any_text_is_an_instant_or_a_configuration_error(text: str) -> None:
    """A time without a zone is never guessed at, and no other exception leaves."""
    try:
        instant = _instant("from_timestamp", text)
        assert instant is not None
        assert instant.tzinfo is not None
    except ConfigurationError as error:
        assert str(error).startswith("from_timestamp=")  # noqa: PT017 - both outcomes are allowed


@pytest.mark.parametrize(
    ("parameters", "rendered"),
    [
        ({"max_records": None, "from_timestamp": None}, (None, None)),
        ({"max_records": 500, "from_timestamp": None}, (500, None)),
        (
            {"max_records": None, "from_timestamp": "2026-01-31T12:00:00+01:00"},
            (None, datetime.fromisoformat("2026-01-31T12:00:00+01:00")),
        ),
    ],
)
def test_the_forms_values_reach_the_operator(parameters: dict[str, Any], rendered: tuple[Any, Any]) -> None:
    """Rendered as the DAG renders them, an empty field stays empty, a number a number and a time a time."""
    task: Any = drain_dag("logs", StreamPage()).get_task("drain")
    task.render_template_fields({"params": parameters})
    assert (_positive("max_records", task.max_records), _instant("from_timestamp", task.from_timestamp)) == rendered


@pytest.mark.parametrize("wrong", [{"max_recods": 5}, {"max_records": 0}, {"from_timestamp": "2026-01-31T12:00:00"}])
def test_a_misspelt_or_wrong_parameter_of_the_dag_is_refused(wrong: dict[str, Any]) -> None:
    """A key of `--conf` that the form does not have would otherwise be ignored, and all be drained."""
    task: Any = drain_dag("logs", StreamPage()).get_task("drain")
    task._pre_execute_hook({"params": {"max_records": None, "from_timestamp": None}})
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        task._pre_execute_hook({"params": {"max_records": None, "from_timestamp": None} | wrong})


def rows(servers: Servers, statement: str) -> list[tuple[Any, ...]]:
    """Return what a statement selects."""
    return servers.connection.execute(statement.encode()).fetchall()


@pytest.mark.integration
def test_a_gap_is_recorded_and_told_once(servers: Servers) -> None:
    """A stream that was deleted and made anew leaves one row and one message, however many runs follow."""
    servers.put(b"lost with its stream", b"or not")
    operator().execute(CONTEXT)
    servers.recreate()
    servers.put(b"new")
    outcome = operator().execute(CONTEXT)
    assert (outcome["records"], outcome["gaps"]) == (1, 1)
    servers.put(b"newer")
    assert operator().execute(CONTEXT)["gaps"] == 0
    assert rows(servers, "select reason, span_s >= 0, run_id from cali.stream_gaps") == [
        ("unknown_sequence", True, "scheduled__1")
    ]
    told = rows(
        servers, "select category, channel, count, run_url like '%/dags/logs_drain/runs/%' from cali.alert_groups"
    )
    assert told == [("gap", "cali-alerts", 1, True)]
    assert rows(servers, "select kind, state from cali.alert_outbox") == [("open", "pending")]


@pytest.mark.integration
def test_a_gap_that_cannot_be_told_is_not_recorded_either(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row, message and checkpoint are one transaction: a run that dies in it leaves all to the next one."""
    servers.put(b"1")
    operator().execute(CONTEXT)
    servers.recreate()
    servers.put(b"2")
    with monkeypatch.context() as broken:
        broken.setenv("CALI_ALERT_LEVELS", "!")
        with pytest.raises(ConfigurationError):
            operator().execute(CONTEXT)
    assert rows(servers, "select 1 from cali.stream_gaps union all select 1 from cali.alert_batches") == []
    assert operator().execute(CONTEXT)["gaps"] == 1


@pytest.mark.integration
def test_a_stream_that_was_not_drained_for_longer_than_its_retention_has_a_gap(servers: Servers) -> None:
    """Kinesis reads on behind an old checkpoint without a word; the ledger and Slack do not."""
    servers.put(b"1")
    operator().execute(CONTEXT)
    with pytest.raises(TaskDeferred):
        operator().execute(CONTEXT)
    assert rows(servers, "select 1 from cali.stream_gaps") == []
    servers.connection.execute(
        "update cali.shard_checkpoints set last_arrived_at = now() - %(ago)s, caught_up_at = now() - %(ago)s",
        {"ago": timedelta(hours=30)},
    )
    for _ in range(2):
        with pytest.raises(TaskDeferred):
            operator().execute(CONTEXT)
    assert rows(servers, "select reason, round(span_s / 3600) from cali.stream_gaps") == [("retention", 6)]
    assert rows(servers, "select title from cali.alert_groups") == [
        ("Records may be lost: the stream's retention passed before they were drained",)
    ]


def test_a_run_of_many_batches_passes_on_only_so_many_ids() -> None:
    """The claim check's size has a bound; its counts are of all batches."""
    records = [StreamRecord(f"{number:056d}", "key", ARRIVED, b"x") for number in range(MOST_IDS + 5)]
    batches = [raw_batch("logs", "shardId-000000000000", [record])[0] for record in records]
    outcome: Any = _claim_check(DrainReport(batches=batches), Counter(), 0)
    assert (len(outcome["batches"]), outcome["batch_count"], outcome["records"]) == (MOST_IDS, 25, 25)
    assert len(json.dumps(outcome)) < 2000
