"""Every DAG can be started by hand: by the form on its page, and by Airflow's command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from local import stack
from tests.browser.airflow_ui import airflow_ui

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.stack.running_stack import RunningStack

pytestmark = [pytest.mark.integration, pytest.mark.stack, pytest.mark.timeout(600)]

FORMS: Mapping[str, Mapping[str, str]] = {
    "logs_drain": {"max_records": "50"},
    "logs_process": {},
    "notify": {},
    "compaction": {},
    "housekeeping": {},
    "dlq_redrive": {"records_per_second": "200"},
}
"""Each DAG, with what is typed into its form."""


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
            dag_id: [ui.trigger(dag_id, fields), trigger_from_the_command_line(started_stack, dag_id, fields)]
            for dag_id, fields in FORMS.items()
        }


def trigger_from_the_command_line(running_stack: RunningStack, dag_id: str, fields: Mapping[str, str]) -> str:
    """Trigger a DAG with the same words as by the form."""
    run_id = f"by-hand-{dag_id}"
    command = ["dags", "trigger", dag_id, "--run-id", run_id, "--conf", json.dumps(typed(fields))]
    assert stack.airflow(command, running_stack.environment) == 0
    return run_id


def typed(fields: Mapping[str, str]) -> dict[str, object]:
    """Return the fields as JSON has them: a number is a number."""
    return {name: int(value) if value.isdecimal() else value for name, value in fields.items()}


def test_every_dag_is_tried(started_stack: RunningStack) -> None:
    """A DAG that is added has to be triggered here as well."""
    dags = started_stack.airflow.get("dags", limit=100)["dags"]
    assert {dag["dag_id"] for dag in dags} == set(FORMS)


@pytest.mark.parametrize(("dag_id", "fields"), FORMS.items())
def test_a_dag_is_triggered_by_its_form_and_from_the_command_line(
    started_stack: RunningStack, runs: Mapping[str, list[str]], dag_id: str, fields: Mapping[str, str]
) -> None:
    """What is typed on the page or given to `airflow dags trigger` reaches the run, and the run succeeds."""
    airflow = started_stack.airflow
    for run_id in runs[dag_id]:
        assert airflow.wait_for_run(dag_id, run_id) == "success"
        conf = airflow.get(f"dags/{dag_id}/dagRuns/{run_id}")["conf"]
        assert {name: conf.get(name) for name in fields} == typed(fields)
