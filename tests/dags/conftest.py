"""The DAG files as Airflow's own DagBag loads them."""

from pathlib import Path
from typing import Any

import pytest

from tests.plugins import airflow_home

airflow_home.enter()

FOLDER = Path(__file__).parents[2] / "dags"


@pytest.fixture(scope="session")
def bag() -> Any:
    """Return the DAG folder, loaded with Airflow's own heuristics and without a database."""
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(FOLDER)
