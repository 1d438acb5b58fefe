"""Airflow's own tables, cleaned by Airflow's own command.

Airflow keeps tasks from its database: the task's process has another address in place of the real one. So the address
comes from the Connection `airflow_metadata`, and goes to nobody but the command's process.
"""

import logging
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime

from cali import connections
from include import streams
from include.errors import TransientError

log = logging.getLogger(__name__)
TIMEOUT_S = 1_500
OF_A_DAG = ("dag_run", "task_instance_history", "xcom", "log")
"""Tables whose rows name a DAG (a run takes its task instances along): cleaned for CALI's own DAGs alone."""
GO_WITH_THEIR_RUN = frozenset({"deadline"})
"""Tables that the command takes in with the runs, and fails on: 3.3.2 looks for a column `dag_id` that they lack."""
OF_ALL = ("asset_event", "import_error", "job")
"""Tables whose rows Airflow cannot tell apart by DAG, and whose old rows nobody needs."""
PLATFORM_DAGS = (
    "alert_acknowledge",
    "alert_inhibit",
    "alert_silence",
    "compaction",
    "daily_summary",
    "dlq_redrive",
    "housekeeping",
    "notify",
    "reconcile",
    "replay",
    "sla_acknowledge",
    "sla_maintenance",
    "sla_monitor",
    "sla_rebuild",
    "transactions_daily",
)
ROWS_AT_ONCE = 10_000
FOUND = re.compile(r"^Checking table (\w+)$\s+^Found (\d+) rows", re.MULTILINE)
FAILED = re.compile(r"tables were not cleaned due to errors: \[(.*?)\]")
CONTEXT = "_AIRFLOW_PROCESS_CONTEXT"
ADDRESS = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
OLD_ADDRESS = "AIRFLOW__CORE__SQL_ALCHEMY_CONN"


def our_dags() -> list[str]:
    """Return the ids of CALI's DAGs; other people's runs are not ours to remove."""
    of_streams = [f"{stream}_{verb}" for stream in streams.names() for verb in ("drain", "process")]
    return sorted([*of_streams, *PLATFORM_DAGS])


def clean(before: datetime, *, dry_run: bool) -> dict[str, int]:
    """Remove from Airflow's tables what is from before ``before``; return rows by table, without those that had none.

    Airflow keeps each DAG's last scheduled run, and what newer rows refer to.

    Raises:
        ConfigurationError: there is no Connection `airflow_metadata`.
        TransientError: the command failed; its last lines say why. What it removed stays removed.
    """
    environment = _environment(connections.postgres_uri(connections.connection(connections.METADATA)))
    command = [sys.executable, "-m", "airflow", "db", "clean", "--yes", "--skip-archive"]
    command += ["--batch-size", str(ROWS_AT_ONCE), "--clean-before-timestamp", before.isoformat()]
    command += ["--dry-run"] if dry_run else []
    rows = _run([*command, "--tables", ",".join(OF_A_DAG), "--dag-ids", ",".join(our_dags())], environment)
    rows |= _run([*command, "--tables", ",".join(OF_ALL)], environment)
    log.info("metadata cleaned before=%s dry_run=%s rows=%s", before.isoformat(), dry_run, rows)
    return rows


def _run(command: Sequence[str], environment: Mapping[str, str]) -> dict[str, int]:
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    said = ran.stdout + ran.stderr
    failed = {table for tables in FAILED.findall(said) for table in re.findall(r"\w+", tables)} - GO_WITH_THEIR_RUN
    if ran.returncode or failed:
        last = "\n".join(said.splitlines()[-20:])
        raise TransientError(f"airflow db clean ended with {ran.returncode}:\n{last}")
    return {table: int(count) for table, count in FOUND.findall(ran.stdout) if int(count)}


def _environment(address: str) -> Mapping[str, str]:
    """Return the command's environment: the task's own, with the real address."""
    kept = {name: value for name, value in os.environ.items() if name not in {OLD_ADDRESS, CONTEXT}}
    return kept | {ADDRESS: address.replace("postgresql://", "postgresql+psycopg2://", 1)}
