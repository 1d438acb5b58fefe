"""The broker: a real Redis server, and nothing of Celery where it was not chosen."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local.servers.broker import Broker
from local.servers.server import running

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
LOADED = """
import sys
import local.demo
from airflow.cli.cli_parser import get_parser
from airflow.executors.executor_loader import ExecutorLoader
get_parser()
ExecutorLoader.init_executors()
print("result:", sorted({"celery", "kombu"} & set(sys.modules)))
"""


@pytest.mark.integration
def test_a_broker_answers_whom_it_knows_and_keeps_its_password(tmp_path: Path, free_port: Callable[[], int]) -> None:
    """Without the password nobody is let in, and no command line or address holds it."""
    broker = Broker(tmp_path / "broker", free_port(), "open-sesame")
    stranger = Broker(broker.folder, broker.port, "guess")
    assert broker.problem() is not None
    with running(broker, tmp_path / "broker.log"):
        assert broker.problem() is None
        assert broker.workers() == frozenset()
        assert "invalid" in str(stranger.problem())
    assert broker.workers() == frozenset()
    assert [shown for shown in (repr(broker), broker.address, *broker.command) if broker.password in shown] == []


@pytest.mark.parametrize(
    ("executor", "imported"),
    [
        ("cali.executors.WatchfulLocalExecutor", "[]"),
        ("airflow.providers.celery.executors.celery_executor.CeleryExecutor", "['celery', 'kombu']"),
    ],
)
def test_celery_is_there_and_costs_nothing_where_it_was_not_chosen(
    tmp_path: Path, executor: str, imported: str
) -> None:
    """The pinned versions fit each other, and neither the stack's verbs nor Airflow import them by themselves."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}",
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__EXECUTOR": executor,
        "AIRFLOW__CELERY__BROKER_URL": "redis://127.0.0.1:1/0",
    }
    ran = subprocess.run(
        [sys.executable, "-c", LOADED], env=environment, capture_output=True, text=True, check=True, timeout=600
    )
    assert ran.stdout.splitlines()[-1] == f"result: {imported}"
