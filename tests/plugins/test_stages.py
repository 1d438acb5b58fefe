"""The process DAG's steps on real servers: work is done, and what they return is a claim check."""

import json
import os
from contextlib import nullcontext
from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException, DownstreamTasksSkipped

from cali import stages
from cali.operators.kinesis_drain import KinesisDrainOperator
from include.errors import ConfigurationError, TransientError
from include.records import utc_now
from tests.plugins.conftest import Servers

RUN = SimpleNamespace(dag_id="logs_process", run_id="asset_triggered__2026-03-01T12:00:00+00:00_x")
URL = f"http://127.0.0.1:8080/dags/logs_process/runs/{RUN.run_id}"
NEEDLE = "the payment gateway timed out"


def event(number: int, level: str = "INFO") -> bytes:
    """Return a sound log event of now."""
    fields = {
        "event_id": f"7d1f2c1e-0d5c-4a57-9a3e-{number:012d}",
        "timestamp": utc_now().isoformat(),
        "level": level,
        "service": "cart",
        "message": NEEDLE,
        "log_content": f"{level} {NEEDLE}",
        "pod": "cart-1",
        "version": "1.0",
    }
    return json.dumps(fields).encode()


@pytest.fixture
def pushed() -> dict[str, Any]:
    """Return what a step pushed as XCom by itself."""
    return {}


@pytest.fixture(autouse=True)
def context(monkeypatch: pytest.MonkeyPatch, pushed: dict[str, Any]) -> dict[str, Any]:
    """Return the context that the steps find themselves in."""
    push = lambda key, value: pushed.update({key: value})  # noqa: E731
    task = {"run_id": RUN.run_id, "ti": SimpleNamespace(task_id="step", xcom_push=push), "dag_run": RUN}
    monkeypatch.setattr(stages, "get_current_context", lambda: task)
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "http://127.0.0.1:8080")
    return task


@pytest.fixture
def slack(slack_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the Connection be to the embedded Slack."""
    connection = {"conn_type": "slack", "password": slack_server.token, "extra": {"base_url": slack_server.api}}
    monkeypatch.setenv("AIRFLOW_CONN_SLACK_DEFAULT", json.dumps(connection))


@pytest.fixture
def drained(servers: Servers, slack: None) -> Servers:
    """Return a world with one batch: two sound records, one of them an ERROR, and one broken one."""
    del slack
    servers.put(event(1), event(2, "ERROR"), b"broken " + NEEDLE.encode())
    operator = KinesisDrainOperator(task_id="drain", stream="logs")
    operator.execute({"run_id": "run"})  # type: ignore[typeddict-item]
    return servers


@pytest.mark.integration
def test_a_batch_is_validated_told_audited_and_published(drained: Servers) -> None:
    """Each step returns its counts, and together they account for every record."""
    outcomes = [stages.validate("logs"), stages.alert("logs"), stages.audit("logs")]
    assert outcomes == [
        {"batches": 1, "records": 3, "valid": 2, "dead_lettered": 1},
        {"batches": 1, "alertable": 1, "filtered": 1, "messages_sent": 1},
        {"batches": 1, "published": 1, "quarantined": 0},
    ]
    assert [len(drained.keys(room)) for room in ("raw", "staged", "dlq", "clean")] == [1, 1, 1, 1]
    assert NEEDLE not in json.dumps(outcomes)


@pytest.mark.integration
@pytest.mark.usefixtures("drained")
def test_a_step_without_work_returns_an_empty_claim_check() -> None:
    """A lost, doubled or merged asset event costs a look."""
    stages.validate("logs")
    assert stages.validate("logs") == {"batches": 0}
    stages.alert("logs")
    assert stages.alert("logs") == {"batches": 0, "messages_sent": 0}


def drain_express(servers: Servers) -> dict[str, Any]:
    """Put a sound and an alertable record, and drain them by the express way."""
    servers.put(event(3), event(4, "ERROR"))
    operator = KinesisDrainOperator(task_id="drain", stream="logs", express=True)
    return operator.execute({"run_id": "express", "dag_run": RUN})  # type: ignore[typeddict-item]


@pytest.mark.integration
def test_a_drain_by_the_express_way_has_told_when_it_ends(
    servers: Servers, slack: None, pushed: dict[str, Any]
) -> None:
    """Validated, alerted and in Slack; the audit is still to come, and every step behind that is skipped."""
    del slack
    outcome = drain_express(servers)
    assert outcome["express"] == {
        "records": 2, "valid": 2, "dead_lettered": 0, "alertable": 1, "filtered": 1, "messages_sent": 1
    }  # fmt: skip
    with pytest.raises(DownstreamTasksSkipped) as skipped:
        stages.audit_drained("logs")
    audited = {"batches": 1, "published": 1, "quarantined": 0}
    assert (skipped.value.tasks, pushed) == (["validate", "alert", "audit"], {"return_value": audited})


@pytest.mark.integration
def test_a_validate_step_without_alerts_to_come_skips_them(
    servers: Servers, slack: None, pushed: dict[str, Any]
) -> None:
    """What a drain has told by the express way needs no alert step."""
    del slack
    drain_express(servers)
    with pytest.raises(DownstreamTasksSkipped) as skipped:
        stages.validate("logs")
    assert (skipped.value.tasks, pushed) == (["alert"], {"return_value": {"batches": 0}})


@pytest.mark.integration
def test_what_no_drain_has_validated_is_for_the_steps_behind(drained: Servers) -> None:
    """With nothing to audit yet the first step is skipped, and skips nothing."""
    del drained
    with pytest.raises(AirflowSkipException, match="no batch waited"):
        stages.audit_drained("logs")
    assert stages.validate("logs")["batches"] == 1


@pytest.mark.integration
@pytest.mark.parametrize(("waited", "skips"), [(timedelta(0), True), (timedelta(minutes=1), False)])
def test_what_a_drain_may_still_be_at_is_left_to_it(
    servers: Servers, slack: None, monkeypatch: pytest.MonkeyPatch, waited: timedelta, skips: bool
) -> None:
    """A batch that was drained this moment does not start the steps behind; one that has waited for long does."""
    del slack
    drain_express(servers)
    servers.put(event(5))
    KinesisDrainOperator(task_id="drain", stream="logs").execute({"run_id": "next"})  # type: ignore[typeddict-item]
    now = utc_now() + waited
    monkeypatch.setattr(stages, "utc_now", lambda: now)
    ended = pytest.raises(DownstreamTasksSkipped) if skips else nullcontext()
    with ended:
        assert stages.audit_drained("logs") == {"batches": 1, "published": 1, "quarantined": 0}


@pytest.mark.integration
def test_a_batch_that_cannot_be_audited_at_once_is_for_the_audit_step(
    servers: Servers, slack: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first step does not fail, so nothing waits for its retries, and the audit step may take the batch at once."""
    del slack
    drain_express(servers)
    audit_stage = import_module("include.process.audit_stage")
    sound = audit_stage.audit

    def fail(*_: object) -> None:
        raise TransientError("S3 did not answer")

    monkeypatch.setattr(audit_stage, "audit", fail)
    assert stages.audit_drained("logs") == {}
    monkeypatch.setattr(audit_stage, "audit", sound)
    assert stages.audit("logs") == {"batches": 1, "published": 1, "quarantined": 0}


@pytest.mark.integration
def test_what_the_express_way_could_not_send_is_for_the_alert_step(
    servers: Servers, slack: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With Slack away the drain succeeds all the same, and the process DAG's alert step is not skipped."""
    del slack
    away = {"conn_type": "slack", "password": "xoxb-1", "extra": {"base_url": "http://127.0.0.1:9/api/"}}
    sound = os.environ["AIRFLOW_CONN_SLACK_DEFAULT"]
    monkeypatch.setenv("AIRFLOW_CONN_SLACK_DEFAULT", json.dumps(away))
    assert drain_express(servers)["express"] == {}
    assert stages.validate("logs") == {"batches": 0}
    monkeypatch.setenv("AIRFLOW_CONN_SLACK_DEFAULT", sound)
    assert stages.alert("logs") == {"batches": 0, "messages_sent": 1}


@pytest.mark.integration
def test_what_fails_on_the_express_way_is_for_the_stages(
    servers: Servers, slack: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch that cannot be validated in the drain is there for the process DAG at once."""
    del slack

    def fail(*_: object) -> None:
        raise TransientError("S3 did not answer")

    with monkeypatch.context() as patched:
        patched.setattr("include.process.validate_stage.validate", fail)
        assert drain_express(servers)["express"] == {}
    assert stages.validate("logs") == {"batches": 1, "records": 2, "valid": 2, "dead_lettered": 0}


@pytest.mark.integration
def test_a_batch_counts_as_consumed_after_its_last_step(drained: Servers) -> None:
    """Until then the stages are as far as its oldest record; then as far as the drain."""
    begun = "select min(first_arrived_at) from cali.micro_batches"
    covered = "select max(covers_to) from cali.pipeline_completion_log where pipeline_name = %s"
    for step in (stages.validate, stages.alert):
        step("logs")
        assert one(drained, covered, "consumer_batch") == one(drained, begun)
    stages.audit("logs")
    assert one(drained, covered, "consumer_batch") == one(drained, covered, "logs_drain") > one(drained, begun)


def one(servers: Servers, question: str, *values: str) -> Any:
    """Return the only value that a question has."""
    ((value,),) = servers.connection.execute(question, values).fetchall()  # type: ignore[call-overload]
    return value


@pytest.mark.integration
@pytest.mark.usefixtures("drained")
def test_an_audit_without_work_is_skipped() -> None:
    """The clean Asset stands for published batches and nothing else."""
    with pytest.raises(AirflowSkipException, match="Nothing published: no batch waited"):
        stages.audit("logs")


@pytest.mark.integration
@pytest.mark.usefixtures("drained")
def test_what_slack_did_not_take_is_sent_by_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    """With Slack away the alert step fails after its work is saved; a later sweep sends the message."""
    stages.validate("logs")
    monkeypatch.setattr(stages, "DISPATCH_BUDGET_S", 0.1)
    sound = os.environ["AIRFLOW_CONN_SLACK_DEFAULT"]
    away = {"conn_type": "slack", "password": "xoxb-1", "extra": {"base_url": "http://127.0.0.1:9/api/"}}
    monkeypatch.setenv("AIRFLOW_CONN_SLACK_DEFAULT", json.dumps(away))
    with pytest.raises(TransientError):
        stages.alert("logs")
    monkeypatch.setenv("AIRFLOW_CONN_SLACK_DEFAULT", sound)
    assert stages.sweep() == {"messages_sent": 1}
    assert stages.sweep() == {"messages_sent": 0}


@pytest.mark.integration
@pytest.mark.usefixtures("drained")
def test_an_unknown_stream_is_named() -> None:
    """A typing error in a DAG file is said as such."""
    with pytest.raises(ConfigurationError, match="There is no stream 'lgos'"):
        stages.validate("lgos")


def test_a_message_leads_to_its_run(context: Any) -> None:
    """The address is the run's page in Airflow's UI."""
    assert stages.run_url(context) == URL


@pytest.mark.parametrize("base", ["http://127.0.0.1:8080/", "http://127.0.0.1:8080"])
def test_the_base_address_may_end_with_a_slash(context: Any, base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is one slash between address and path."""
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base)
    assert stages.run_url(context) == URL


def test_alerts_do_not_depend_on_a_base_address(context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow has no default for `[api] base_url`; an alert goes out with Airflow's own stand-in for it."""
    monkeypatch.delenv("AIRFLOW__API__BASE_URL")
    assert stages.run_url(context) == URL.replace("127.0.0.1", "localhost")
