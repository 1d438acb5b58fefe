"""What holds for every DAG, whoever adds one."""

import ast
import json
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from copy import copy
from pathlib import Path
from typing import Any

import pytest

from cali.metadata import our_dags
from local.environment import REDELIVERED_AFTER_S

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "dags").glob("*.py"))
MOST_LINES = 60
MOST_OF_AIRFLOW = 0.3
"""Of the CPU time that Airflow's own import takes in the same process, whatever the machine is."""
HEAVY = ("great_expectations", "pandas", "pyarrow", "psycopg", "duckdb")

by_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)

LOAD = """
import json, runpy, sys, time
born = time.process_time()
import airflow.sdk
from airflow.sdk import DAG, Asset, BaseOperator, Param, task
import airflow.triggers.base
began = time.process_time()
runpy.run_path(sys.argv[1])
share = (time.process_time() - began) / (began - born)
print("result:" + json.dumps({"share": share, "modules": sorted(sys.modules)}))
"""


def dags(bag: Any) -> Iterator[Any]:
    """Yield every DAG, and fail if there is none."""
    assert bag.dags
    yield from bag.dags.values()


def broken(bag: Any, holds: Any) -> list[str]:
    """Return the ids of the DAGs that a rule does not hold for."""
    return [dag.dag_id for dag in dags(bag) if not holds(dag)]


def broken_tasks(bag: Any, holds: Any) -> list[str]:
    """Return the ids of the tasks that a rule does not hold for."""
    return [f"{dag.dag_id}.{one.task_id}" for dag in dags(bag) for one in dag.tasks if not holds(one)]


def test_every_file_loads(bag: Any) -> None:
    """No file of the folder has an import error."""
    assert bag.import_errors == {}


@by_file
def test_every_file_holds_a_dag_that_airflow_finds(bag: Any, path: Path) -> None:
    """Airflow skips a file that does not mention it; none of ours is skipped."""
    assert str(path) in {dag.fileloc for dag in dags(bag)}


def test_every_task_has_an_owner_of_ours(bag: Any) -> None:
    """`airflow` is nobody's name."""
    assert broken_tasks(bag, lambda one: one.owner not in {"", "airflow"}) == []


@pytest.mark.parametrize("heading", ["What", "When", "When it fails", "Who"])
def test_every_dag_says(bag: Any, heading: str) -> None:
    """A DAG's page answers what it does, when, what to do when it fails, and whom to ask."""
    assert broken(bag, lambda dag: re.search(rf"^\*\*{heading}\*\* \S", dag.doc_md or "", re.MULTILINE)) == []


def test_every_task_says_what_it_does(bag: Any) -> None:
    """A task's page is not empty."""
    assert broken_tasks(bag, lambda one: (one.doc_md or "").strip()) == []


def test_every_dag_has_a_description_and_the_projects_tag(bag: Any) -> None:
    """The list of DAGs can be filtered by `cali`."""
    assert broken(bag, lambda dag: dag.description and "cali" in dag.tags) == []


def test_no_dag_catches_up(bag: Any) -> None:
    """What was missed is in the checkpoint and the ledger, not in runs that were never made."""
    assert broken(bag, lambda dag: dag.catchup is False) == []


def test_every_task_is_tried_again_with_more_and_more_time(bag: Any) -> None:
    """A short outage passes unseen, and servers that come back are not met by a stampede."""

    def holds(one: Any) -> bool:
        taken_up = any(behind.trigger_rule == "all_done" for behind in one.downstream_list)
        return one.retry_exponential_backoff > 1 and (one.retries >= 1 or taken_up)

    assert broken_tasks(bag, holds) == []


def test_no_task_runs_for_ever(bag: Any) -> None:
    """A task that hangs is ended."""
    assert broken_tasks(bag, lambda one: one.execution_timeout is not None) == []


def test_no_task_outlives_the_brokers_patience(bag: Any) -> None:
    """With CeleryExecutor a task that takes longer is handed to a second worker while the first is still at it."""
    assert broken_tasks(bag, lambda one: one.execution_timeout.total_seconds() < REDELIVERED_AFTER_S) == []


def test_a_stream_is_drained_by_one_run_at_a_time(bag: Any) -> None:
    """Two drains of one stream would only fence each other."""
    drains = [dag for dag in dags(bag) if "drain" in dag.tags]
    assert {dag.dag_id: dag.max_active_runs for dag in drains} == {"logs_drain": 1, "transactions_drain": 1}


def test_what_is_drained_is_what_starts_the_processing(bag: Any) -> None:
    """The drain's outlet is the process DAG's schedule, and the audit's outlet is the clean data."""
    (drain,) = bag.dags["logs_drain"].tasks
    process = bag.dags["logs_process"]
    assert drain.outlets == process.schedule
    audits = [process.get_task(one).outlets for one in ("audit_drained", "audit")]
    assert [[asset.name for asset in outlets] for outlets in audits] == [["logs_clean"], ["logs_clean"]]


def test_alert_and_audit_run_side_by_side(bag: Any) -> None:
    """A quality problem does not silence an incident: whatever the audit of drained batches met, the rest goes on."""
    process = bag.dags["logs_process"]
    assert process.get_task("audit_drained").retries == 0
    assert process.get_task("validate").trigger_rule == "all_done"
    assert {one.task_id: one.upstream_task_ids for one in process.tasks} == {
        "audit_drained": set(),
        "validate": {"audit_drained"},
        "alert": {"validate"},
        "audit": {"validate"},
    }


def test_a_run_that_hangs_is_caught_before_its_task_is_ended(bag: Any) -> None:
    """Every pipeline's DAG has a deadline; a drain's wait for records does not count as hanging."""
    of_streams = [dag for dag in dags(bag) if {"drain", "process"} & dag.tags]
    seconds = {dag.dag_id: [one.interval.total_seconds() for one in dag.deadline] for dag in of_streams}
    assert {"logs_drain": [540], "logs_process": [420]} == {
        dag_id: of for dag_id, of in seconds.items() if dag_id.startswith("logs_")
    }
    assert [dag_id for dag_id, of in seconds.items() if not of] == []


def test_housekeeping_knows_every_dag(bag: Any) -> None:
    """The runs of a DAG that it does not know would stay in Airflow's tables for ever."""
    assert {dag.dag_id for dag in dags(bag)} - set(our_dags()) == set()


def test_every_field_of_a_form_is_explained(bag: Any) -> None:
    """Who triggers a DAG by hand sees a title and a description for each parameter."""
    fields = {f"{dag.dag_id}.{name}": dag.params.get_param(name) for dag in dags(bag) for name in dag.params}
    assert {"logs_drain.max_records", "logs_drain.from_timestamp"} <= set(fields)
    assert [name for name, field in fields.items() if not (field.schema.get("title") and field.description)] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_records", None),
        ("max_records", 500),
        ("from_timestamp", None),
        ("from_timestamp", "2026-01-31T12:00:00Z"),
        ("from_timestamp", "2026-01-31T12:00:00.000+01:00"),
    ],
)
def test_a_sound_parameter_is_taken(bag: Any, name: str, value: Any) -> None:
    """The form takes what its description asks for, and nothing at all."""
    assert copy(bag.dags["logs_drain"].params.get_param(name)).resolve(value) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_records", -1),
        ("max_records", 0),
        ("max_records", 1_000_001),
        ("max_records", 1.5),
        ("max_records", "many"),
        ("from_timestamp", "yesterday"),
        ("from_timestamp", "31.01.2026"),
        ("from_timestamp", "2026-01-31T12:00:00"),
        ("from_timestamp", 5),
    ],
)
def test_rubbish_is_refused_by_the_form(bag: Any, name: str, value: Any) -> None:
    """A run with a parameter that makes no sense is never created."""
    from airflow.sdk.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError):
        copy(bag.dags["logs_drain"].params.get_param(name)).resolve(value)


def load(path: Path, home: Path) -> dict[str, Any]:
    """Load a DAG file in a fresh interpreter; return its own CPU seconds and what is imported then."""
    environment = {"AIRFLOW_HOME": str(home), "PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}", "PATH": os.environ["PATH"]}
    ran = subprocess.run(
        [sys.executable, "-c", LOAD, str(path)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    result = ran.stdout.rpartition("result:")[2]
    return dict(json.loads(result))


@by_file
def test_a_file_is_parsed_fast_and_without_heavy_modules(path: Path, tmp_path: Path) -> None:
    """Airflow parses DAG files again and again: beyond Airflow's own import that costs little CPU."""
    loads = [load(path, tmp_path) for _ in range(2)]
    shares = [one["share"] for one in loads]
    # The median of three: the third is only asked where the first two disagree.
    if min(shares) < MOST_OF_AIRFLOW <= max(shares):
        shares.append(load(path, tmp_path)["share"])
    assert statistics.median_low(shares) < MOST_OF_AIRFLOW
    assert [name for name in HEAVY if name in loads[0]["modules"]] == []


@by_file
def test_a_file_reads_in_one_screen(path: Path) -> None:
    """What runs when, and nothing else."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def imported(path: Path) -> set[str]:
    """Return the first part of every module that a file imports, also inside functions and for annotations."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level}
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("include", {"airflow", "cali", "plugins", "dags", "local", "tests"}),
        ("plugins", {"dags", "local", "tests"}),
        ("dags", {"include", "local", "tests"}),
    ],
)
def test_imports_point_one_way(folder: str, forbidden: set[str]) -> None:
    """DAGs know the plugins, the plugins know the library, the library knows neither."""
    files = list((ROOT / folder).rglob("*.py"))
    assert files
    backwards = {str(path.relative_to(ROOT)): imported(path) & forbidden for path in files}
    assert {path: names for path, names in backwards.items() if names} == {}


def test_a_task_pushes_its_result_once(bag: Any) -> None:
    """A dict that a task returns is not taken apart: each key would be a call of the API and a row of its own."""

    def is_whole(one: Any) -> bool:
        return not (
            getattr(one, "multiple_outputs", False) or getattr(one, "partial_kwargs", {}).get("multiple_outputs")
        )

    assert broken_tasks(bag, is_whole) == []


def test_a_stream_that_is_not_named_rests(bag: Any) -> None:
    """Its DAGs are there, and nothing but a person starts them: there may be no such stream in Kinesis."""
    resting = {dag.dag_id for dag in dags(bag) if dag.schedule is None}
    assert {"transactions_drain", "transactions_daily"} <= resting
    assert "logs_drain" not in resting
