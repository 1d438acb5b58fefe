"""Airflow's own tables, cleaned by Airflow's own command.

Airflow keeps tasks from its database: the task's process has another address in place of the real one. So the address
comes from the Connection `airflow_metadata`, and goes to nobody but the command's process.
"""

import logging
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime

from cali import connections
from include.errors import TransientError

log = logging.getLogger(__name__)
TIMEOUT_S = 3_000
ROWS_AT_ONCE = 10_000
FOUND = re.compile(r"^Checking table (\w+)$\s+^Found (\d+) rows", re.MULTILINE)
CONTEXT = "_AIRFLOW_PROCESS_CONTEXT"
ADDRESS = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
OLD_ADDRESS = "AIRFLOW__CORE__SQL_ALCHEMY_CONN"


def clean(before: datetime, *, dry_run: bool) -> dict[str, int]:
    """Remove from Airflow's tables what is from before ``before``; return rows by table, without those that had none.

    Airflow keeps each DAG's last scheduled run, and what newer rows refer to.

    Raises:
        ConfigurationError: there is no Connection `airflow_metadata`.
        TransientError: the command failed; its last lines say why. What it removed stays removed.
    """
    address = connections.postgres_uri(connections.connection(connections.METADATA))
    command = [sys.executable, "-m", "airflow", "db", "clean", "--yes", "--skip-archive", "--error-on-cleanup-failure"]
    command += ["--batch-size", str(ROWS_AT_ONCE), "--clean-before-timestamp", before.isoformat()]
    ran = subprocess.run(
        [*command, "--dry-run"] if dry_run else command,
        env=_environment(address),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    if ran.returncode:
        last = "\n".join((ran.stdout + ran.stderr).splitlines()[-20:])
        raise TransientError(f"airflow db clean ended with {ran.returncode}:\n{last}")
    rows = {table: int(count) for table, count in FOUND.findall(ran.stdout) if int(count)}
    log.info("metadata cleaned before=%s dry_run=%s rows=%s", before.isoformat(), dry_run, rows)
    return rows


def _environment(address: str) -> Mapping[str, str]:
    """Return the command's environment: the task's own, with the real address."""
    kept = {name: value for name, value in os.environ.items() if name not in {OLD_ADDRESS, CONTEXT}}
    return kept | {ADDRESS: address.replace("postgresql://", "postgresql+psycopg2://", 1)}
