"""What the containers run once at the start, against real servers."""

import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from local.servers.aws import client
from local.servers.kinesis import KinesisLocal
from local.servers.object_store import ObjectStore
from local.servers.postgres import PostgresServer, binary
from local.servers.server import running

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
PASSWORDS = {"airflow": "airflow's password", "cali": "cali's password"}


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[PostgresServer]:
    """Run the script as PostgreSQL's image does, on a new cluster of its own: roles belong to the whole cluster."""
    folder = tmp_path_factory.mktemp("docker_postgres")
    server = PostgresServer(folder, free_port(), secrets.token_hex(8))
    environment = {f"{name}_DATABASE_PASSWORD".upper(): password for name, password in PASSWORDS.items()}
    script = str(ROOT / "docker" / "create_databases.sql")
    command = (binary("psql"), "--set=ON_ERROR_STOP=1", "--no-psqlrc", f"--file={script}", server.uri())
    with running(server, folder / "postgres.log"):
        subprocess.run(command, env={**os.environ, **environment}, check=True, timeout=300)
        yield server


@pytest.mark.parametrize("name", ["airflow", "cali"])
def test_each_role_owns_its_database(name: str, databases: PostgresServer) -> None:
    """A role logs in to its own database with its password and can create tables there."""
    with psycopg.connect(
        host="127.0.0.1", port=databases.port, dbname=name, user=name, password=PASSWORDS[name]
    ) as connection:
        connection.execute("CREATE TABLE probe (id int)")
        connection.rollback()


@pytest.mark.parametrize(("role", "database"), [("airflow", "cali"), ("cali", "airflow")])
def test_no_role_enters_the_other_database(role: str, database: str, databases: PostgresServer) -> None:
    """Airflow's metadata and CALI's tables live apart."""
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(host="127.0.0.1", port=databases.port, dbname=database, user=role, password=PASSWORDS[role])


def test_cali_migrates_what_the_script_made(databases: PostgresServer) -> None:
    """The script and CALI's own migrations fit together."""
    environment = {**os.environ, "CALI_POSTGRES_URI": databases.uri("cali", "cali", "cali%27s%20password")}
    command = (sys.executable, "-m", "include.sql.migrate")
    subprocess.run(command, env=environment, cwd=ROOT, check=True, timeout=300)
    with psycopg.connect(databases.uri("cali")) as connection:
        assert connection.execute("SELECT count(*) FROM cali.micro_batches").fetchone() == (0,)


def test_streams_and_bucket_are_created_once(kinesis_server: KinesisLocal, s3_server: ObjectStore) -> None:
    """A second run finds everything there and changes nothing."""
    credentials = s3_server.credentials
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "AWS_ENDPOINT_URL_KINESIS": kinesis_server.address,
        "AWS_ENDPOINT_URL_S3": s3_server.address,
        "AWS_ACCESS_KEY_ID": credentials.key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret,
        "AWS_DEFAULT_REGION": credentials.region,
        "CALI_STREAMS": "container-one container-two",
        "CALI_BUCKET": "container-bucket",
    }
    command = (sys.executable, str(ROOT / "docker" / "prepare_aws.py"))
    for _ in range(2):
        subprocess.run(command, env=environment, check=True, timeout=300)
    with closing(client("kinesis", kinesis_server.address, credentials)) as kinesis:
        shards = {
            name: len(kinesis.list_shards(StreamName=name)["Shards"]) for name in ("container-one", "container-two")
        }
    with closing(client("s3", s3_server.address, credentials)) as s3:
        buckets = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    assert shards == {"container-one": 2, "container-two": 2}
    assert buckets.count("container-bucket") == 1
