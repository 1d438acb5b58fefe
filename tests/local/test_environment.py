"""What a process of the stack finds in its environment, and what of the user's shell does not reach it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from local.environment import process_environment
from local.settings import External, Ports, Secrets, Settings

PORTS = Ports(airflow=1, slack=2, postgres=3, kinesis=4, s3=5)
SECRETS = Secrets(
    "pg", "cali-pw", "airflow-pw", "admin-pw", "jwt", "api", "fernet", "key", "aws-secret", "xoxb-token", "broker-pw"
)


def _settings(**fields: Any) -> Settings:
    return Settings(run_dir=Path("/run/cali"), ports=PORTS, secrets=SECRETS, **fields)


def test_everything_points_at_the_embedded_servers() -> None:
    """Each address carries its own port."""
    environment = process_environment(_settings(), {})
    expected = {
        "CALI_POSTGRES_URI": "postgresql://cali:cali-pw@127.0.0.1:3/cali",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql+psycopg2://airflow:airflow-pw@127.0.0.1:3/airflow",
        "AWS_ENDPOINT_URL_KINESIS": "http://127.0.0.1:4",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:5",
        "AIRFLOW__API__BASE_URL": "http://127.0.0.1:1",
        "CALI_AIRFLOW_URL": "http://127.0.0.1:1",
    }
    assert {name: environment[name] for name in expected} == expected


def test_the_slack_connection_talks_to_the_embedded_workspace() -> None:
    """It has the form that the provider's hook reads: the token as password, base_url in the extra."""
    connection = json.loads(process_environment(_settings(), {})["AIRFLOW_CONN_SLACK_DEFAULT"])
    expected = {"conn_type": "slack", "password": "xoxb-token", "extra": {"base_url": "http://127.0.0.1:2/api/"}}
    assert connection == expected


def test_the_users_airflow_settings_win() -> None:
    """An operator can try an option without editing a file."""
    environment = process_environment(_settings(), {"AIRFLOW__CORE__PARALLELISM": "2"})
    assert environment["AIRFLOW__CORE__PARALLELISM"] == "2"


@pytest.mark.parametrize(
    "name",
    ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "PGHOST", "PGPASSWORD", "AIRFLOW_CONFIG", "PYTHONHOME"],
)
def test_another_account_or_server_of_the_users_does_not_leak_in(name: str) -> None:
    """The stack never talks to what the shell happened to be set up for."""
    assert name not in process_environment(_settings(), {name: "production"})


def test_the_users_keys_do_not_reach_the_emulators() -> None:
    """With both servers embedded only generated keys are sent."""
    own = {"AWS_ACCESS_KEY_ID": "AKIAREAL", "AWS_SECRET_ACCESS_KEY": "real"}
    environment = process_environment(_settings(), own)
    assert (environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]) == ("key", "aws-secret")


def test_what_a_process_needs_of_the_shell_passes() -> None:
    """Home, path, language and the user's own CALI settings arrive."""
    own = {"PATH": "/bin", "HOME": "/home/me", "LANG": "C.UTF-8", "CALI_ALERT_CHANNEL": "#mine"}
    environment = process_environment(_settings(), own)
    assert {name: environment[name] for name in own} == own


def test_a_role_of_the_users_account_passes_when_both_aws_servers_are_his() -> None:
    """No made-up key stands in the way of a profile."""
    external = External(kinesis="https://kinesis.example", s3="https://s3.example")
    environment = process_environment(_settings(external=external), {"AWS_PROFILE": "mine"})
    connection = json.loads(environment["AIRFLOW_CONN_AWS_DEFAULT"])
    assert (environment["AWS_PROFILE"], "AWS_ACCESS_KEY_ID" in environment, "login" in connection) == (
        "mine",
        False,
        False,
    )


def test_a_proxy_is_not_asked_for_loopback() -> None:
    """A company's proxy cannot reach 127.0.0.1 of this machine."""
    environment = process_environment(_settings(), {"NO_PROXY": "internal.example", "HTTP_PROXY": "http://proxy"})
    assert environment["NO_PROXY"].split(",") == ["internal.example", "127.0.0.1", "localhost"]


def test_without_celery_nothing_is_said_of_it() -> None:
    """The default executor is the one that watches its workers."""
    environment = process_environment(_settings(), {})
    assert environment["AIRFLOW__CORE__EXECUTOR"] == "cali.executors.WatchfulLocalExecutor"
    assert [name for name in environment if "CELERY" in name] == []


def test_celery_finds_the_embedded_broker_with_its_password() -> None:
    """Messages and results lie in two of its databases."""
    environment = process_environment(_settings(executor="celery"), {})
    expected = {
        "AIRFLOW__CORE__EXECUTOR": "airflow.providers.celery.executors.celery_executor.CeleryExecutor",
        "AIRFLOW__CELERY__BROKER_URL": "redis://:broker-pw@127.0.0.1:16379/0",
        "AIRFLOW__CELERY__RESULT_BACKEND": "redis://:broker-pw@127.0.0.1:16379/1",
    }
    assert {name: environment[name] for name in expected} == expected
