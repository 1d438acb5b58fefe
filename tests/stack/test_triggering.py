"""Every DAG can be started by hand: by the form on its page, and by Airflow's command line."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from include import streams
from include.records import utc_now
from local import stack
from tests.browser.airflow_ui import airflow_ui
from tests.stack.running_stack import RunningStack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.browser.airflow_ui import Value

pytestmark = [pytest.mark.integration, pytest.mark.stack, pytest.mark.timeout(1800)]

TODAY = utc_now().replace(second=0, microsecond=0)
FORMS: Mapping[str, Mapping[str, Value]] = {
    **{f"{name}_drain": {"max_records": 50} for name in streams.names()},
    **{f"{name}_process": {} for name in streams.names()},
    "transactions_daily": {"date": (TODAY - timedelta(days=1)).date().isoformat()},
    "notify": {},
    # No group is like that: the first is skipped, the others hold nothing back.
    "alert_acknowledge": {"title": "no such title", "why": "nobody is at it"},
    "alert_silence": {"title": "no such title", "why": "a form that is tried"},
    "alert_inhibit": {"source_title": "no such title", "target_title": "none either", "why": "a form that is tried"},
    "sla_monitor": {},
    "daily_summary": {"date": (TODAY - timedelta(days=1)).date().isoformat()},
    "sla_acknowledge": {"pipeline_name": "logs_drain", "by": "ada"},
    "sla_maintenance": {"from": TODAY - timedelta(days=3), "to": TODAY - timedelta(days=2), "reason": "a test"},
    "sla_rebuild": {"from": TODAY - timedelta(days=3), "to": TODAY - timedelta(days=2), "reason": "a test"},
    "replay": {"from_timestamp": TODAY - timedelta(days=1), "max_records": 100},
    "reconcile": {"from": TODAY - timedelta(days=1), "to": TODAY + timedelta(days=1)},
    "dlq_redrive": {"dry_run": False, "records_per_second": 200},
    "compaction": {"from_hour": TODAY - timedelta(days=1)},
    "housekeeping": {"dry_run": False},
}
"""Each DAG, with what is filled into its form."""


@pytest.fixture(scope="module")
def stack_at_work(started_stack: RunningStack) -> Iterator[RunningStack]:
    """Run every stream, with records coming whenever a drain's turn comes; the logs alert nobody."""
    environment = {**started_stack.environment, "STREAMS": " ".join(streams.names())}
    stack.down(lambda _: None, environment)
    working = RunningStack(environment, stack.up(lambda _: None, environment))
    with working.simulating(seed=31, rate=20, error_rate=0):
        yield working
    # Whoever needs the stack next starts it with the streams that it had.
    stack.down(lambda _: None, environment)


@pytest.fixture(scope="module")
def runs_by_command(stack_at_work: RunningStack) -> Mapping[str, str]:
    """Trigger each DAG from the command line, and return the runs' ids."""
    return {dag_id: trigger_from_the_command_line(stack_at_work, dag_id, fields) for dag_id, fields in FORMS.items()}


@pytest.fixture(scope="module")
def runs_by_form(stack_at_work: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Trigger each DAG by the form on its page, and return the runs' ids."""
    with airflow_ui(stack_at_work.settings, tmp_path_factory.mktemp("browser")) as ui:
        return {dag_id: ui.trigger(dag_id, fields, titles(stack_at_work, dag_id)) for dag_id, fields in FORMS.items()}


def titles(running_stack: RunningStack, dag_id: str) -> dict[str, str]:
    """Return what stands before each field of a DAG's form."""
    params = running_stack.airflow.get(f"dags/{dag_id}/details")["params"] or {}
    return {name: param["schema"]["title"] for name, param in params.items()}


def trigger_from_the_command_line(running_stack: RunningStack, dag_id: str, fields: Mapping[str, Value]) -> str:
    """Trigger a DAG with the same values as by the form."""
    run_id = f"by-hand-{dag_id}"
    conf = json.dumps(fields, default=lambda instant: instant.isoformat())
    command = ["dags", "trigger", dag_id, "--run-id", run_id, "--conf", conf]
    assert stack.airflow(command, running_stack.environment) == 0
    return run_id


def test_every_dag_is_tried(running_stack: RunningStack) -> None:
    """A DAG that is added has to be triggered here as well."""
    assert {dag["dag_id"] for dag in running_stack.airflow.get("dags", limit=100)["dags"]} == set(FORMS)


@pytest.mark.thorough
@pytest.mark.parametrize("dag_id", FORMS)
def test_a_dag_is_triggered_from_the_command_line(
    stack_at_work: RunningStack, runs_by_command: Mapping[str, str], dag_id: str
) -> None:
    """What is given to `airflow dags trigger` reaches the run, and the run succeeds."""
    assert outcome(stack_at_work, dag_id, runs_by_command[dag_id]) == ("success", FORMS[dag_id])


@pytest.mark.browser
@pytest.mark.parametrize("dag_id", FORMS)
def test_a_dag_is_triggered_by_its_form(
    stack_at_work: RunningStack, runs_by_form: Mapping[str, str], dag_id: str
) -> None:
    """What is filled in on the DAG's page reaches the run, and the run succeeds."""
    assert outcome(stack_at_work, dag_id, runs_by_form[dag_id]) == ("success", FORMS[dag_id])


def outcome(running_stack: RunningStack, dag_id: str, run_id: str) -> tuple[str, Mapping[str, Value]]:
    """Wait for a run's end; return how it ended and what it was told of the fields that were filled in."""
    state = running_stack.airflow.wait_for_run(dag_id, run_id)
    conf = running_stack.airflow.get(f"dags/{dag_id}/dagRuns/{run_id}")["conf"]
    return state, {name: read(conf[name], value) for name, value in FORMS[dag_id].items()}


def read(given: Any, like: Value) -> Value:
    """Return what a run's configuration has, as the kind of value that was filled in."""
    return datetime.fromisoformat(given) if isinstance(like, datetime) else given
