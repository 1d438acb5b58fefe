"""The supervisor's configuration, the states it reports, and the table made of them."""

from __future__ import annotations

import configparser
import xmlrpc.client
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import pytest

from include.errors import CaliError
from local.health import Component, ProgramStatus, table
from local.programs import AIRFLOW, SERVERS, programs
from local.settings import Ports, Secrets, Settings
from local.supervision import Supervisor, configuration
from local.workers import WORKER

SECRETS = Secrets(
    "pg-pw", "cali-pw", "db-pw", "admin-pw", "jwt-s", "api-key", "fernet-k", "aws-k", "aws-s", "xoxb-t", "broker-pw"
)
SETTINGS = Settings(
    run_dir=Path("/tmp/a 100% run"),  # noqa: S108
    ports=Ports(1, 2, 3, 4, 5, 6),
    secrets=SECRETS,
    executor="celery",  # with every program that there can be
)
START = datetime(2026, 1, 1, tzinfo=UTC)


def _configuration() -> tuple[str, configparser.RawConfigParser]:
    text = configuration(programs(SETTINGS, {}), SETTINGS.run_dir, Path("/tmp/cali-x/socket"))  # noqa: S108
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    return text, parser


def test_the_configuration_holds_no_secret() -> None:
    """Programs read their secrets from stack.json, not from here."""
    text, _ = _configuration()
    assert [secret for secret in vars(SECRETS).values() if secret in text] == []


def test_a_percent_sign_in_a_path_is_doubled() -> None:
    """The supervisor would else take it for an expression."""
    _, parser = _configuration()
    assert parser["program:scheduler"]["stdout_logfile"] == "/tmp/a 100%% run/log/scheduler.log"  # noqa: S108


def test_every_long_running_program_comes_back_by_itself() -> None:
    """What was killed is started again."""
    _, parser = _configuration()
    assert {parser[name]["autorestart"] for name in parser if "program:" in name} == {"true"}


def test_servers_stop_after_those_who_use_them() -> None:
    """The supervisor stops groups from the highest priority down."""
    _, parser = _configuration()
    priorities = {group: int(parser[f"group:{group}"]["priority"]) for group in (SERVERS, AIRFLOW)}
    assert sorted(priorities, key=lambda group: priorities[group]) == [SERVERS, AIRFLOW]


def test_nothing_of_a_program_survives_its_stop() -> None:
    """Stop and kill go to the whole process group."""
    _, parser = _configuration()
    groups = {(parser[name]["stopasgroup"], parser[name]["killasgroup"]) for name in parser if "program:" in name}
    assert groups == {("true", "true")}


def test_celerys_workers_are_programs_of_their_own() -> None:
    """Each has its name, loads the plugin before it forks, and leaves what the user has set as it is."""
    own = {"AIRFLOW__CORE__LAZY_LOAD_PLUGINS": "True"}
    for inherited, lazy in (({}, "False"), (own, "True")):
        workers = [program for program in programs(SETTINGS, inherited) if program.name.startswith("worker-")]
        found = {(one.environment[WORKER], one.environment["AIRFLOW__CORE__LAZY_LOAD_PLUGINS"]) for one in workers}
        assert found == {("worker-1", lazy), ("worker-2", lazy)}
    others = [program for program in programs(SETTINGS, {}) if not program.name.startswith("worker-")]
    assert [program.name for program in others if "AIRFLOW__CORE__LAZY_LOAD_PLUGINS" in program.environment] == []


@pytest.mark.parametrize(("seconds", "alive"), [(-1, False), (0, True), (5, True)])
def test_a_heartbeat_from_before_the_start_is_a_predecessors(seconds: int, *, alive: bool) -> None:
    """A killed scheduler's last beat does not make its successor healthy."""
    component = Component(is_healthy=True, heartbeat=(START + timedelta(seconds=seconds)).isoformat())
    assert component.is_alive_since(START) is alive


@pytest.mark.parametrize(
    ("group", "state", "fine"),
    [
        (SERVERS, "healthy", True),
        (SERVERS, "stopped", False),
        (AIRFLOW, "starting", False),
    ],
)
def test_only_a_healthy_program_is_as_it_should_be(group: str, state: str, *, fine: bool) -> None:
    """`make status` succeeds when every program is healthy."""
    assert ProgramStatus("x", group, state, 1, 1, "").is_as_it_should_be is fine


def test_the_status_table_has_aligned_columns_and_no_secret() -> None:
    """It can be pasted into a question to somebody else."""
    lines = [ProgramStatus(p.name, p.group, "healthy", 7, 3661, p.address) for p in programs(SETTINGS, {})]
    shown = table(lines)
    assert [secret for secret in vars(SECRETS).values() if secret in shown] == []
    assert {row.index("1:01:01") for row in shown.splitlines()[1:]} == {shown.splitlines()[0].index("UPTIME")}


def test_a_stack_that_is_stopping_is_said_to_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A command that comes while the supervisor shuts down gets a sentence, and nothing is started beside it."""

    class Stopping:
        def __init__(self, *_: object, **__: object) -> None:
            self.supervisor = self

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            return None

        def getState(self) -> None:  # noqa: N802 - supervisord's own name
            raise xmlrpc.client.Fault(6, "SHUTDOWN_STATE")

    (tmp_path / "supervisor").symlink_to(tmp_path)
    monkeypatch.setattr(xmlrpc.client, "ServerProxy", Stopping)
    with pytest.raises(CaliError, match="stopping"):
        Supervisor(tmp_path).is_running()
