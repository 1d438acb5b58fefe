"""Real servers for the tests that ask for them: started once a session, on free ports, under a temporary folder."""

from __future__ import annotations

import secrets
from contextlib import closing
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
import pytest
from psycopg import sql
from slack_sdk import WebClient

from include.sql.migrate import upgrade
from local.servers.aws import Credentials, client
from local.servers.kinesis import Kinesalite, KinesisLocal
from local.servers.node import install_packages
from local.servers.object_store import ObjectStore
from local.servers.postgres import PostgresServer
from local.servers.server import Server, running
from local.servers.slack import SlackServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TEMPLATE = "cali_template"
CREDENTIALS = Credentials("test", "test-secret")

S = TypeVar("S", bound=Server)


def _serve(server: S, folder: Path) -> Iterator[S]:
    install_packages()
    with running(server, folder / f"{server.name}.log"):
        yield server


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[PostgresServer]:
    """Run a PostgreSQL 18 cluster."""
    folder = tmp_path_factory.mktemp("postgres")
    yield from _serve(PostgresServer(folder, free_port(), secrets.token_hex(8)), folder)


@pytest.fixture(scope="session")
def kinesis_server(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[KinesisLocal]:
    """Run kinesis-local, the faithful emulator."""
    folder = tmp_path_factory.mktemp("kinesis")
    yield from _serve(KinesisLocal(folder, free_port(), CREDENTIALS), folder)


@pytest.fixture(scope="session")
def kinesalite_server(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[Kinesalite]:
    """Run kinesalite, the fast emulator."""
    folder = tmp_path_factory.mktemp("kinesalite")
    yield from _serve(Kinesalite(folder, free_port(), CREDENTIALS), folder)


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[ObjectStore]:
    """Run an S3 server over a folder."""
    folder = tmp_path_factory.mktemp("s3")
    yield from _serve(ObjectStore(folder, free_port(), CREDENTIALS), folder)


@pytest.fixture(scope="session")
def slack_server(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[SlackServer]:
    """Run a Slack workspace."""
    folder = tmp_path_factory.mktemp("slack")
    yield from _serve(SlackServer(folder, free_port(), f"xoxb-{secrets.token_hex(8)}"), folder)


@pytest.fixture
def postgres_uri(postgres_server: PostgresServer) -> Iterator[str]:
    """Return the URI of a fresh, empty database that is dropped at the end."""
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(postgres_server.uri(), autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield postgres_server.uri(name)
    with psycopg.connect(postgres_server.uri(), autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def migrated_template(postgres_server: PostgresServer) -> str:
    """Return the name of a database with CALI's tables, to make others from."""
    with psycopg.connect(postgres_server.uri(), autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
    upgrade(postgres_server.uri(TEMPLATE))
    return TEMPLATE


@pytest.fixture
def migrated_uri(postgres_server: PostgresServer, migrated_template: str) -> Iterator[str]:
    """Return the URI of a new database with CALI's tables."""
    name = f"cali_{secrets.token_hex(6)}"
    with psycopg.connect(postgres_server.uri(), autocommit=True) as admin:
        admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(migrated_template))
        )
        yield postgres_server.uri(name)
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def kinesis_client(kinesis_server: KinesisLocal) -> Iterator[Any]:
    """Yield a boto3 client of kinesis-local."""
    with closing(client("kinesis", kinesis_server.address, kinesis_server.credentials)) as connected:
        yield connected


@pytest.fixture(scope="session")
def kinesalite_client(kinesalite_server: Kinesalite) -> Iterator[Any]:
    """Yield a boto3 client of kinesalite."""
    with closing(client("kinesis", kinesalite_server.address, kinesalite_server.credentials)) as connected:
        yield connected


@pytest.fixture(scope="session")
def s3_client(s3_server: ObjectStore) -> Iterator[Any]:
    """Yield a boto3 client of the S3 server."""
    with closing(client("s3", s3_server.address, s3_server.credentials)) as connected:
        yield connected


@pytest.fixture(scope="session")
def slack_client(slack_server: SlackServer) -> WebClient:
    """Return a slack_sdk client that is logged in as the workspace's bot."""
    return WebClient(slack_server.token, base_url=slack_server.api)
