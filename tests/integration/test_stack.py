"""The whole stack with Airflow: up, a crash, down. About two minutes."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from include.errors import ConfigurationError
from local import processes, stack
from local.settings import PREFERRED_PORTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.integration, pytest.mark.stack, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def environment(
    tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int], module_monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, str]]:
    """Start a stack on free ports in a temporary folder, stop it at the end."""
    variables = {variable: str(free_port()) for _, variable in PREFERRED_PORTS.values()}
    variables["CALI_RUN_DIR"] = str(tmp_path_factory.mktemp("stack"))
    for name, value in variables.items():
        module_monkeypatch.setenv(name, value)
    environment = dict(os.environ)
    stack.up(lambda _: None, environment)
    yield environment
    stack.down(lambda _: None, environment)


@pytest.fixture(scope="module")
def module_monkeypatch() -> Iterator[pytest.MonkeyPatch]:
    """Set variables for the length of this module."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield monkeypatch


def _wait_until_healthy(environment: dict[str, str]) -> None:
    deadline = time.monotonic() + 120
    while not all(line.is_as_it_should_be for line in stack.status(environment)):
        assert time.monotonic() < deadline, stack.status(environment)
        time.sleep(0.5)


def test_a_second_up_says_that_all_is_up(environment: dict[str, str]) -> None:
    """Nothing is started twice."""
    said: list[str] = []
    stack.up(said.append, environment)
    assert said == ["the stack is already up"]


def test_sql_that_fails_is_told_by_the_exit_code(environment: dict[str, str]) -> None:
    """`make psql` can be used in a script."""
    statements = ("SELECT count(*) FROM cali.micro_batches", "SELECT nope")
    assert [stack.psql(statement, environment) != 0 for statement in statements] == [False, True]


def test_clean_removes_no_folder_that_is_not_a_stacks(tmp_path: Path) -> None:
    """A slip in CALI_RUN_DIR costs nobody a folder."""
    (tmp_path / "thesis.txt").write_text("years")
    with pytest.raises(ConfigurationError, match="check CALI_RUN_DIR"):
        stack.clean(lambda _: None, {"CALI_RUN_DIR": str(tmp_path)})
    assert (tmp_path / "thesis.txt").is_file()


def test_killed_programs_come_back_by_themselves(environment: dict[str, str]) -> None:
    """A scheduler and a Postgres that were killed are healthy again, and no worker of the old scheduler is left."""
    before = {line.name: line.pid for line in stack.status(environment)}
    orphans = psutil.Process(before["scheduler"]).children(recursive=True)
    for name in ("scheduler", "postgres"):
        psutil.Process(before[name]).kill()
    _wait_until_healthy(environment)
    after = {line.name: line.pid for line in stack.status(environment)}
    assert (after["scheduler"] != before["scheduler"], after["postgres"] != before["postgres"]) == (True, True)
    assert [orphan for orphan in orphans if orphan.is_running()] == []


def test_down_leaves_no_process_even_when_the_supervisor_was_killed(environment: dict[str, str]) -> None:
    """Whatever state the stack is in, afterwards nothing of it runs."""
    run_dir = stack.saved_settings(environment).run_dir
    supervisor = int((run_dir / "supervisord.pid").read_text())
    psutil.Process(supervisor).kill()
    stack.down(lambda _: None, environment)
    assert processes.of_stack(processes.survey(), run_dir, supervisor) == []
