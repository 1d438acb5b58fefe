"""The whole stack with Airflow: up, a crash, down."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import psutil
import pytest

from include.errors import ConfigurationError
from local import processes, stack
from tests.stack.running_stack import warm_programs

if TYPE_CHECKING:
    from pathlib import Path

    from tests.stack.running_stack import RunningStack

pytestmark = [pytest.mark.integration, pytest.mark.stack, pytest.mark.timeout(1800)]


def test_a_second_up_says_that_all_is_up(running_stack: RunningStack) -> None:
    """Nothing is started twice."""
    said: list[str] = []
    stack.up(said.append, running_stack.environment)
    assert said == ["the stack is already up"]


def test_sql_that_fails_is_told_by_the_exit_code(running_stack: RunningStack) -> None:
    """`make psql` can be used in a script."""
    statements = ("SELECT count(*) FROM cali.micro_batches", "SELECT nope")
    assert [stack.psql(statement, running_stack.environment) != 0 for statement in statements] == [False, True]


def test_clean_removes_no_folder_that_is_not_a_stacks(tmp_path: Path) -> None:
    """A slip in CALI_RUN_DIR costs nobody a folder."""
    (tmp_path / "thesis.txt").write_text("years")
    with pytest.raises(ConfigurationError, match="check CALI_RUN_DIR"):
        stack.clean(lambda _: None, {"CALI_RUN_DIR": str(tmp_path)})
    assert (tmp_path / "thesis.txt").is_file()


def test_killed_programs_come_back_by_themselves(running_stack: RunningStack) -> None:
    """A scheduler and a Postgres that were killed are healthy again, and no worker of the old scheduler is left."""
    before = {line.name: line.pid for line in stack.status(running_stack.environment)}
    orphans = psutil.Process(before["scheduler"]).children(recursive=True)
    for name in ("scheduler", "postgres"):
        psutil.Process(before[name]).kill()
    running_stack.wait_until_healthy()
    after = {line.name: line.pid for line in stack.status(running_stack.environment)}
    assert (after["scheduler"] != before["scheduler"], after["postgres"] != before["postgres"]) == (True, True)
    assert [orphan for orphan in orphans if orphan.is_running()] == []


def test_only_the_program_that_forks_workers_imports_ahead(running_stack: RunningStack) -> None:
    """With LocalExecutor that is the scheduler; no DAG is parsed, no page shown and no trigger run any slower."""
    assert warm_programs(running_stack) == {"scheduler"}


def test_no_secret_is_in_a_log(running_stack: RunningStack) -> None:
    """Passwords, tokens and keys stay in the environment, also when servers fail and errors quote what they met."""
    run_dir, secrets = running_stack.settings.run_dir, asdict(running_stack.settings.secrets)
    logs = [path for folder in ("log", "airflow/logs") for path in (run_dir / folder).rglob("*.log*") if path.is_file()]
    told = {
        (path, name) for path in logs for name, value in secrets.items() if value in path.read_text(errors="replace")
    }
    assert logs
    assert told == set()


def test_down_leaves_no_process_even_when_the_supervisor_was_killed(running_stack: RunningStack) -> None:
    """Whatever state the stack is in, afterwards nothing of it runs."""
    run_dir = running_stack.settings.run_dir
    supervisor = int((run_dir / "supervisord.pid").read_text())
    psutil.Process(supervisor).kill()
    stack.down(lambda _: None, running_stack.environment)
    assert processes.of_stack(processes.survey(), run_dir, supervisor) == []
