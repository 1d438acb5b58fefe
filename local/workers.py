"""What a Celery worker of this machine is called: several of them share one host name."""

import os

WORKER = "CALI_WORKER"


def name() -> str:
    """Return the worker's name, which Airflow shows as the host of the tasks that it ran."""
    return os.environ[WORKER]
