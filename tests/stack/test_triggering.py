"""Every DAG can be started by hand: by the form on its page, and by Airflow's command line."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from include.records import utc_now
from local import stack
from tests.browser.airflow_ui import airflow_ui

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.browser.airflow_ui import Value
    from tests.stack.running_stack import RunningStack

pytestmark = [pytest.mark.integration, pytest.mark.stack, pytest.mark.timeout(600)]

TODAY = utc_now().replace(second=0, microsecond=0)
FORMS: Mapping[str, Mapping[str, Value]] = {
    "logs_drain": {"max_records": 50},
    "logs_process": {},
    "notify": {},
    "sla_monitor": {},
    "replay": {"from_timestamp": TODAY - timedelta(days=1), "max_records": 100},
    "reconcile": {"from": TODAY - timedelta(days=1), "to": TODAY + timedelta(days=1)},
    "dlq_redrive": {"dry_run": False, "records_per_second": 200},
    "compaction": {"from_hour": TODAY - timedelta(days=1)},
    "housekeeping": {"dry_run": False},
}
"""Each DAG, with what is filled into its form."""


@pytest.fixture(scope="module")
def runs(started_stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, list[str]]]:
    """Trigger each DAG both ways, while calm records keep coming for the drain; return the runs' ids."""
    stack.up(lambda _: None, started_stack.environment)
    folder = tmp_path_factory.mktemp("browser")
    with (
        started_stack.simulating(seed=31, rate=20, error_rate=0),
        airflow_ui(started_stack.settings, folder) as ui,
    ):
        yield {
            dag_id: [
                ui.trigger(dag_id, fields, titles(started_stack, dag_id)),
                trigger_from_the_command_line(started_stack, dag_id, fields),
            ]
            for dag_id, fields in FORMS.items()
        }


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
    dags = running_stack.airflow.get("dags", limit=100)["dags"]
    assert {dag["dag_id"] for dag in dags} == set(FORMS)


@pytest.mark.parametrize(("dag_id", "fields"), FORMS.items())
def test_a_dag_is_triggered_by_its_form_and_from_the_command_line(
    started_stack: RunningStack, runs: Mapping[str, list[str]], dag_id: str, fields: Mapping[str, Value]
) -> None:
    """What is filled in on the page or given to `airflow dags trigger` reaches the run, and the run succeeds."""
    airflow = started_stack.airflow
    for run_id in runs[dag_id]:
        assert airflow.wait_for_run(dag_id, run_id) == "success"
        conf = airflow.get(f"dags/{dag_id}/dagRuns/{run_id}")["conf"]
        assert {name: read(conf[name], value) for name, value in fields.items()} == fields


def read(given: Any, like: Value) -> Value:
    """Return what a run's configuration has, as the kind of value that was filled in."""
    return datetime.fromisoformat(given) if isinstance(like, datetime) else given
