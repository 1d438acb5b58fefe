"""A real API server of Airflow with our plugin, users of three roles, and a database that a test fills."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest
from psycopg import sql

from local.settings import ROOT
from tests.eventually import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from local.servers.object_store import ObjectStore
    from local.servers.postgres import PostgresServer

USERS = {"admin": "admin", "op": "user", "guest": "viewer"}
"""Who can log in, with their role; ``op`` may run DAGs and do no more."""
FILLED = (
    "sla_definitions, sla_definition_versions, sla_burns, sla_incidents, sla_maintenance, pipeline_completion_log, "
    "micro_batches, shard_checkpoints"
)


@dataclass
class Site:
    """Airflow's address, its users' passwords, and CALI's database."""

    address: str
    passwords: Mapping[str, str]
    connection: psycopg.Connection[Any]
    board: str = "/cali/sla"
    _tokens: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, user: str | None = None, **others: Any) -> httpx.Response:
        """Ask the board for something, with a user's token."""
        headers = {"Authorization": f"Bearer {self.token(user)}"} if user else {}
        headers |= others.pop("headers", {})
        return httpx.request(method, f"{self.address}{self.board}{path}", headers=headers, timeout=30, **others)

    def token(self, user: str) -> str:
        """Return a token of the user's, as Airflow gives it for a password."""
        if user not in self._tokens:
            login = {"username": user, "password": self.passwords[user]}
            answer = httpx.post(f"{self.address}/auth/token", json=login, timeout=30)
            self._tokens[user] = answer.raise_for_status().json()["access_token"]
        return self._tokens[user]


@pytest.fixture(scope="session")
def cali_uri(postgres_server: PostgresServer, migrated_template: str) -> str:
    """Return the URI of the database that the API server reads."""
    names = sql.Identifier("cali_board"), sql.Identifier(migrated_template)
    with psycopg.connect(postgres_server.uri(), autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
    return postgres_server.uri("cali_board")


def variables(home: Path, metadata: str, cali: str, address: str, s3: ObjectStore) -> dict[str, str]:
    """Return the environment of an API server without the machine's own Airflow."""
    aws = {
        "conn_type": "aws",
        "login": s3.credentials.key,
        "password": s3.credentials.secret,
        "extra": {"region_name": s3.credentials.region, "endpoint_url": s3.address},
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    options = {
        "DATABASE__SQL_ALCHEMY_CONN": metadata.replace("postgresql://", "postgresql+psycopg2://"),
        "CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "CORE__DAGS_FOLDER": str(home / "dags"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{role}" for name, role in USERS.items()),
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "API__BASE_URL": address,
        "API__SECRET_KEY": secrets.token_hex(16),
        "API_AUTH__JWT_SECRET": secrets.token_hex(32),
    }
    return {
        **kept,
        **{f"AIRFLOW__{name}": value for name, value in options.items()},
        "AIRFLOW_HOME": str(home),
        "AIRFLOW_CONN_CALI_POSTGRES": cali.replace("postgresql://", "postgres://", 1),
        "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(aws),
        "PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}",
        "NO_PROXY": "127.0.0.1",
    }


@pytest.fixture(scope="session")
def api_server(
    tmp_path_factory: pytest.TempPathFactory,
    free_port: Callable[[], int],
    postgres_server: PostgresServer,
    cali_uri: str,
    s3_server: ObjectStore,
) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Run Airflow's API server alone; yield its address and the users' passwords."""
    home, port = tmp_path_factory.mktemp("airflow"), free_port()
    with psycopg.connect(postgres_server.uri(), autocommit=True) as admin:
        admin.execute("create database airflow_board")
    passwords = {name: secrets.token_hex(8) for name in USERS}
    (home / "passwords.json").write_text(json.dumps(passwords), encoding="utf-8")
    address = f"http://127.0.0.1:{port}"
    environment = variables(home, postgres_server.uri("airflow_board"), cali_uri, address, s3_server)
    airflow = [sys.executable, "-m", "airflow"]
    subprocess.run([*airflow, "db", "migrate"], env=environment, check=True, capture_output=True, timeout=240)
    command = [*airflow, "api-server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1", "--apps", "core"]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        eventually(lambda: _answers(process, address, home / "log"), 180, (home / "log").read_text)
        yield address, passwords
    finally:
        process.terminate()
        process.wait(60)


def _answers(process: subprocess.Popen[bytes], address: str, log: Path) -> bool:
    assert process.poll() is None, log.read_text(encoding="utf-8")[-3_000:]
    try:
        return httpx.get(f"{address}/api/v2/version", timeout=5).is_success
    except httpx.TransportError:
        return False


@pytest.fixture
def site(api_server: tuple[str, Mapping[str, str]], cali_uri: str) -> Iterator[Site]:
    """Yield Airflow with a database that promises nothing."""
    with psycopg.connect(cali_uri, autocommit=True) as connection:
        connection.execute(f"truncate {', '.join(f'cali.{name}' for name in FILLED.split(', '))} cascade")  # type: ignore[arg-type]
        yield Site(*api_server, connection)
