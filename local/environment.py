"""What every process of the stack finds in its environment."""

import json
import os
from collections.abc import Mapping

from local.servers.broker import Broker
from local.servers.object_store import ObjectStore
from local.servers.postgres import PostgresServer
from local.servers.server import LOOPBACK
from local.servers.slack import FRAUD_CHANNEL, SlackServer
from local.settings import BUCKET, ROOT, Settings

ADMIN = "admin"
REDELIVERED_AFTER_S = 25_200
"""After how long the broker hands a task that is not finished to a second worker; no task may take longer."""

# What the user's shell may hold and must not reach the stack: another Airflow, another Postgres, another AWS account.
_FOREIGN = ("AIRFLOW_CONFIG", "AIRFLOW_HOME", "PYTHONHOME", "PYTHONPATH")
_FOREIGN_PREFIXES = ("PG", "AWS_")


def process_environment(settings: Settings, inherited: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the whole environment of a process of the stack; it holds secrets.

    Args:
        settings: the stack's.
        inherited: the user's own environment, by default this process's. Its `AIRFLOW__…` settings win over ours.
    """
    own = dict(os.environ if inherited is None else inherited)
    kept = {name: value for name, value in own.items() if not _is_foreign(name, settings)}
    overrides = {name: value for name, value in own.items() if name.startswith("AIRFLOW__")}
    ours = {**_project(settings), **_aws(settings), **_connections(settings), **_airflow(settings)}
    return {**kept, **_no_proxy(own), **ours, **overrides}


def cali_postgres_uri(settings: Settings) -> str:
    """Return the libpq URI of CALI's own database; it holds the password."""
    embedded = postgres(settings).uri("cali", "cali", settings.secrets.cali_password)
    return settings.external.cali_postgres or embedded


def airflow_database_uri(settings: Settings) -> str:
    """Return the SQLAlchemy URI of Airflow's metadata database; it holds the password."""
    embedded = postgres(settings).uri("airflow", "airflow", settings.secrets.airflow_database_password)
    return settings.external.airflow_database or embedded.replace("postgresql://", "postgresql+psycopg2://", 1)


def postgres(settings: Settings) -> PostgresServer:
    """Return the embedded Postgres."""
    return PostgresServer(settings.run_dir / "postgres", settings.ports.postgres, settings.secrets.postgres_password)


def object_store(settings: Settings) -> ObjectStore:
    """Return the embedded S3 server."""
    return ObjectStore(settings.run_dir / "s3", settings.ports.s3, settings.credentials)


def slack(settings: Settings) -> SlackServer:
    """Return the embedded Slack workspace."""
    return SlackServer(settings.run_dir / "slack", settings.ports.slack, settings.secrets.slack_token)


def broker(settings: Settings) -> Broker:
    """Return the embedded broker of CeleryExecutor."""
    return Broker(settings.run_dir / "broker", settings.ports.broker, settings.secrets.broker_password)


def kinesis_url(settings: Settings) -> str:
    """Return where Kinesis is, embedded or not."""
    return settings.external.kinesis or f"http://{LOOPBACK}:{settings.ports.kinesis}"


def _is_foreign(name: str, settings: Settings) -> bool:
    aws_is_ours = not (settings.external.kinesis or settings.external.s3)
    if name.startswith("AWS_") and not aws_is_ours:
        return False
    return name in _FOREIGN or name.startswith(_FOREIGN_PREFIXES)


def _no_proxy(own: Mapping[str, str]) -> dict[str, str]:
    before = own.get("NO_PROXY") or own.get("no_proxy")
    hosts = ",".join((*((before,) if before else ()), LOOPBACK, "localhost"))
    return {"NO_PROXY": hosts, "no_proxy": hosts}


def _project(settings: Settings) -> dict[str, str]:
    return {
        "PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}",
        "PYTHONUNBUFFERED": "1",
        "SPT_NOENV": "1",  # a process that retitles itself keeps its environment readable: `make down` knows it by that
        "DO_NOT_TRACK": "1",
        "GX_ANALYTICS_ENABLED": "False",
        "CALI_RUN_DIR": str(settings.run_dir),
        "CALI_POSTGRES_URI": cali_postgres_uri(settings),
        "CALI_BUCKET": BUCKET,
        "CALI_STREAMS": " ".join(settings.streams),
        "CALI_PACE": settings.pace,
        "CALI_CARD_KEY": settings.secrets.card_key,
        "CALI_TRANSACTIONS_ALERT_CHANNEL": FRAUD_CHANNEL,
        "CALI_AIRFLOW_URL": settings.airflow_url,
    }


def _aws(settings: Settings) -> dict[str, str]:
    external = settings.external
    fixed = {
        "AWS_ENDPOINT_URL_KINESIS": kinesis_url(settings),
        "AWS_ENDPOINT_URL_S3": external.s3 or object_store(settings).address,
        "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
    }
    if external.kinesis and external.s3 and not external.aws_key:
        return fixed
    fixed |= {
        "AWS_ACCESS_KEY_ID": settings.credentials.key,
        "AWS_SECRET_ACCESS_KEY": settings.credentials.secret,
        "AWS_DEFAULT_REGION": settings.credentials.region,
        "AWS_REGION": settings.credentials.region,
    }
    if external.kinesis or external.s3:
        return fixed
    nothing = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return {**fixed, **nothing, "AWS_EC2_METADATA_DISABLED": "true"}


def _connections(settings: Settings) -> dict[str, str]:
    credentials, external = settings.credentials, settings.external
    aws: dict[str, object] = {"conn_type": "aws", "extra": {"region_name": credentials.region}}
    if external.aws_key or not (external.kinesis and external.s3):
        aws |= {"login": credentials.key, "password": credentials.secret}
    embedded = {"conn_type": "slack", "password": settings.secrets.slack_token}
    embedded_slack = json.dumps({**embedded, "extra": {"base_url": slack(settings).api}})
    return {
        "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(aws),
        "AIRFLOW_CONN_CALI_POSTGRES": cali_postgres_uri(settings).replace("postgresql://", "postgres://", 1),
        "AIRFLOW_CONN_SLACK_DEFAULT": external.slack or embedded_slack,
        # Tasks are kept from Airflow's own database; housekeeping is let in by a Connection.
        "AIRFLOW_CONN_AIRFLOW_METADATA": "postgres://" + airflow_database_uri(settings).partition("://")[2],
    }


# The classes behind the words that a user may say.
_EXECUTORS = {
    "local": "cali.executors.WatchfulLocalExecutor",
    "celery": "airflow.providers.celery.executors.celery_executor.CeleryExecutor",
}


def _airflow(settings: Settings) -> dict[str, str]:
    home = settings.run_dir / "airflow"
    options: dict[str, dict[str, object]] = {
        "core": {
            "dags_folder": ROOT / "dags",
            "plugins_folder": ROOT / "plugins",
            "executor": _EXECUTORS[settings.executor],
            "parallelism": 8,
            "load_examples": False,
            "dags_are_paused_at_creation": False,
            "fernet_key": settings.secrets.fernet_key,
            "execution_api_server_url": f"{settings.airflow_url}/execution/",
            "simple_auth_manager_users": f"{ADMIN}:{ADMIN}",
            "simple_auth_manager_passwords_file": settings.run_dir / "passwords.json",
        },
        "database": {"sql_alchemy_conn": airflow_database_uri(settings)},
        "api": {
            "host": LOOPBACK,
            "port": settings.ports.airflow,
            "base_url": settings.airflow_url,
            "secret_key": settings.secrets.api_secret,
            "workers": 1,
        },
        "api_auth": {"jwt_secret": settings.secrets.jwt_secret},
        "scheduler": {
            # Our LocalExecutor rests in its place: see cali.rest.
            "scheduler_idle_sleep_time": 0.2 if settings.executor == "celery" else 0,
            # A worker that was killed is noticed after half a minute rather than after five.
            "task_instance_heartbeat_sec": 5,
            "task_instance_heartbeat_timeout": 30,
            "task_instance_heartbeat_timeout_detection_interval": 5,
            # So is what a killed scheduler had queued or running: its successor takes it over once the dead one's
            # heartbeat is half a minute old, and asks for that this often (seconds) rather than every five minutes.
            "orphaned_tasks_check_interval": 15,
        },
        "dag_processor": {
            "dag_bundle_storage_path": home / "bundles",
            # An edited file is parsed at once all the same, and parsing all of them takes some 4 s of CPU.
            "min_file_process_interval": 300,
            "refresh_interval": 5,
            "parsing_processes": 1,
        },
        "logging": {"base_log_folder": home / "logs", "logging_config_class": "cali.task_logs.LOGGING_CONFIG"},
        "metrics": {"statsd_on": False},
        **(_celery(settings) if settings.executor == "celery" else {}),
    }
    named = {
        f"AIRFLOW__{section}__{option}".upper(): str(value)
        for section, values in options.items()
        for option, value in values.items()
    }
    return {"AIRFLOW_HOME": str(home), **named}


def _celery(settings: Settings) -> dict[str, dict[str, object]]:
    return {
        "celery": {
            "broker_url": broker(settings).url(0),
            "result_backend": broker(settings).url(1),
            "worker_concurrency": 2,
        },
        "celery_broker_transport_options": {"visibility_timeout": REDELIVERED_AFTER_S},
    }
