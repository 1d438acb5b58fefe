"""What the embedded servers must hold before Airflow starts: databases, streams, a bucket, schemas."""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

import psycopg
from psycopg import sql

from include.errors import ConfigurationError, TransientError
from local.environment import kinesis_url, object_store, postgres, process_environment
from local.programs import airflow_command
from local.servers.aws import client
from local.settings import BUCKET, ROOT, Settings

SHARDS = 2
_ACTIVE_SECONDS = 30.0


def prepare(settings: Settings, say: Callable[[str], None], inherited: Mapping[str, str] | None = None) -> None:
    """Bring the embedded servers and both schemas to what this version needs; safe to repeat.

    Raises:
        ConfigurationError: a migration or the preflight check failed; the message has its last lines.
        TransientError: a stream did not become active.
    """
    if settings.embeds_postgres:
        create_databases(settings)
    if settings.external.kinesis is None:
        create_streams(settings)
    if settings.external.s3 is None:
        create_bucket(settings)
    environment = process_environment(settings, inherited)
    say("migrating Airflow's schema")
    _run("airflow-migrate", airflow_command("db", "migrate"), settings, environment)
    say("migrating CALI's schema")
    _run("cali-migrate", (sys.executable, "-m", "include.sql.migrate"), settings, environment)
    _run("preflight", (sys.executable, "-m", "cali.preflight"), settings, environment)


def create_databases(settings: Settings) -> None:
    """Create the databases and roles `airflow` and `cali`, and the schema `cali`, where they are missing."""
    passwords = {"airflow": settings.secrets.airflow_database_password, "cali": settings.secrets.cali_password}
    with psycopg.connect(postgres(settings).uri(), autocommit=True) as admin:
        for name, password in passwords.items():
            role = sql.Identifier(name)
            verb = "ALTER" if _exists(admin, "SELECT 1 FROM pg_roles WHERE rolname = %s", name) else "CREATE"
            admin.execute(sql.SQL(verb + " ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(password)))
            if not _exists(admin, "SELECT 1 FROM pg_database WHERE datname = %s", name):
                admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(role, role))
    with psycopg.connect(postgres(settings).uri("cali"), autocommit=True) as admin:
        admin.execute("CREATE SCHEMA IF NOT EXISTS cali AUTHORIZATION cali")


def create_streams(settings: Settings) -> None:
    """Create each stream with two shards where it is missing.

    Raises:
        TransientError: a stream did not become active.
    """
    with closing(client("kinesis", kinesis_url(settings), settings.credentials)) as kinesis:
        present = set(kinesis.list_streams()["StreamNames"])
        for stream in settings.streams:
            if stream not in present:
                kinesis.create_stream(StreamName=stream, ShardCount=SHARDS)
        for stream in settings.streams:
            _wait_until_active(kinesis, stream)


def create_bucket(settings: Settings) -> None:
    """Create the bucket where it is missing."""
    store = object_store(settings)
    with closing(client("s3", store.address, settings.credentials)) as s3:
        if BUCKET not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
            s3.create_bucket(Bucket=BUCKET)


def _exists(connection: psycopg.Connection[Any], query: str, name: str) -> bool:
    return connection.execute(query, (name,)).fetchone() is not None


def _wait_until_active(kinesis: Any, stream: str) -> None:  # noqa: ANN401 - boto3 makes its clients up
    deadline = time.monotonic() + _ACTIVE_SECONDS
    while kinesis.describe_stream(StreamName=stream)["StreamDescription"]["StreamStatus"] != "ACTIVE":
        if time.monotonic() > deadline:
            raise TransientError(f"Stream {stream} did not become active within {_ACTIVE_SECONDS:.0f} s")
        time.sleep(0.1)


def _run(name: str, command: tuple[str, ...], settings: Settings, environment: dict[str, str]) -> None:
    log = settings.run_dir / "log" / f"{name}.log"
    with log.open("w") as output:
        result = subprocess.run(
            command, env=environment, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, check=False
        )
    if result.returncode != 0:
        raise ConfigurationError(f"{name} failed, see {log}:\n{last_lines(log.read_text())}")


def last_lines(text: str, count: int = 20) -> str:
    """Return the end of a log."""
    return "\n".join(text.splitlines()[-count:])
