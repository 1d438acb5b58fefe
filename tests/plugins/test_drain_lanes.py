"""The drain operator mapped over lanes: each drains its own shards, and only one of them waits by the doorbell."""

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException, TaskDeferred

from cali.operators.kinesis_drain import ENDED, KinesisDrainOperator
from cali.pipelines import StreamPage, drain_dag
from include.errors import ConfigurationError
from tests.plugins.conftest import Servers
from tests.plugins.test_kinesis_drain import CONTEXT, operator


class Run:
    """What the lanes of one run are told of each other."""

    def __init__(self, ended: int) -> None:
        self.ended = ended
        self.asked: dict[str, Any] = {}

    def get_ti_count(self, **question: Any) -> int:
        self.asked = question
        return self.ended


def in_run(ended: int) -> Any:
    """Return the context of a lane in whose run so many lanes have ended."""
    return CONTEXT | {"ti": Run(ended)}


def lane(number: int, of: int = 2) -> KinesisDrainOperator:
    """Return one of a stream's lanes; a stream of one shard has it in lane 0, and behind a split 1 and 2 in 1 and 0."""
    return operator(lane=number, lanes=of)


def lane_zero_without_shards(servers: Servers) -> KinesisDrainOperator:
    """Return lane 0 of two; the stream's only open shard is in lane 1, since its first was split and merged again."""
    servers.split()
    servers.merge()
    with pytest.raises(AirflowSkipException):
        operator().answer(CONTEXT, {"reason": "shard_end"})
    return lane(0)


@pytest.mark.integration
def test_each_lane_drains_its_own_shards(servers: Servers) -> None:
    """Children lie in both lanes, and each is read by its own, once its parent is drained to its end."""
    servers.put(b"1")
    parent = servers.split()
    servers.put(b"2", key="a")
    servers.put(b"3", key="b")
    first = lane(0).execute(CONTEXT)
    second = lane(1).execute(CONTEXT)
    assert (first["closed_shards"], first["records"] + second["records"]) == ([parent.shard_id], 3)
    drained = servers.connection.execute("select shard_id, count(*) from cali.micro_batches group by 1 order by 1")
    assert drained.fetchall() == [(f"shardId-{number:012d}", 1) for number in range(3)]


@pytest.mark.integration
@pytest.mark.usefixtures("servers")
def test_only_lane_zero_waits_at_the_doorbell() -> None:
    """A lane that finds nothing ends at once, also one that has no shard at all."""
    with pytest.raises(AirflowSkipException, match="in lane 1"):
        lane(1).execute(CONTEXT)
    with pytest.raises(TaskDeferred):
        lane(0).execute(CONTEXT)


@pytest.mark.integration
def test_lane_zero_does_not_wait_while_another_lane_has_something_to_drain(servers: Servers) -> None:
    """It would sit in the triggerer when the busy lane has long ended, and hold up the next run."""
    idle = lane_zero_without_shards(servers)
    servers.put(b"1")
    with pytest.raises(AirflowSkipException, match="other lanes are at work"):
        idle.execute(CONTEXT)
    assert servers.keys("raw") == []


@pytest.mark.integration
@pytest.mark.parametrize(("ended", "drained"), [(1, 1), (0, 0)])
def test_who_answers_the_doorbell_alone_drains_the_whole_stream(servers: Servers, ended: int, drained: int) -> None:
    """At rest one task is enough; while another lane is at work each keeps to its own shards."""
    task, context = lane_zero_without_shards(servers), in_run(ended)
    servers.put(b"1")
    if drained:
        assert task.answer(context, {"reason": "backlog"})["records"] == drained
    else:
        with pytest.raises(AirflowSkipException, match="doorbell: backlog"):
            task.answer(context, {"reason": "backlog"})
    assert context["ti"].asked == {
        "dag_id": "logs_drain",
        "task_ids": ["drain"],
        "run_ids": ["scheduled__1"],
        "states": list(ENDED),
    }


@pytest.mark.integration
def test_only_lane_zero_looks_after_forgotten_work(servers: Servers) -> None:
    """One event of the Asset is enough to wake the stages."""
    servers.put(b"1")
    operator().execute(CONTEXT)
    servers.age_stages()
    with pytest.raises(AirflowSkipException):
        lane(1).execute(CONTEXT)
    assert lane(0).execute(CONTEXT)["unfinished"] == 1


@pytest.mark.integration
@pytest.mark.usefixtures("servers")
def test_a_lane_that_does_not_exist_is_refused() -> None:
    """It would never drain anything, and look healthy."""
    with pytest.raises(ConfigurationError, match="Lane 2 of 2"):
        lane(2).execute(CONTEXT)


def test_one_lane_is_a_plain_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the setting nothing is mapped, and no lane is any different from the whole stream."""
    monkeypatch.delenv("CALI_LANES", raising=False)
    task: Any = drain_dag("logs", StreamPage()).get_task("drain")
    assert (task.is_mapped, task.lane, task.lanes, task.retries) == (False, 0, 1, 3)


@pytest.mark.parametrize("variable", ["CALI_LANES", "CALI_LOGS_LANES"])
def test_lanes_are_mapped_tasks_that_differ_in_nothing_else(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """Each has the form's values, the Asset and a lane of its own; one in trouble holds up the others for one retry."""
    plain: Any = drain_dag("logs", StreamPage()).get_task("drain")
    monkeypatch.setenv(variable, "3")
    dag = drain_dag("logs", StreamPage())
    mapped: Any = dag.get_task("drain")
    assert (dag.task_ids, mapped.is_mapped, mapped.expand_input.value) == (["drain"], True, {"lane": [0, 1, 2]})
    lanes = [mapped.unmap({"lane": number, "lanes": 3}) for number in range(3)]
    assert [(one.lane, one.lanes, one.retries) for one in lanes] == [(0, 3, 1), (1, 3, 1), (2, 3, 1)]
    for name in ("stream", "max_records", "from_timestamp", "outlets", "doc_md", "execution_timeout", "owner"):
        assert [getattr(one, name) for one in lanes] == [getattr(plain, name)] * 3


def test_the_form_reaches_every_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its values are rendered into each lane's task, and a misspelt one is refused there as well."""
    monkeypatch.setenv("CALI_LANES", "2")
    mapped: Any = drain_dag("logs", StreamPage()).get_task("drain")
    for number in range(2):
        task = mapped.unmap({"lane": number, "lanes": 2})
        task.render_template_fields({"params": {"max_records": 500, "from_timestamp": None}})
        assert (task.max_records, task.from_timestamp) == (500, None)
        with pytest.raises(ConfigurationError, match="max_recods"):
            task._pre_execute_hook({"params": {"max_recods": 5}})
