"""Airflow inside the test process: a home of its own that is gone afterwards, and pytest's log handlers kept."""

import atexit
import logging
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path


@cache
def enter() -> Path:
    """Import Airflow with a home of its own and return that; call it before any import of Airflow.

    Airflow's import puts its own handlers and level on the root logger; other tests listen there.
    """
    home = Path(tempfile.mkdtemp(prefix="airflow-home-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    os.environ |= {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    import airflow.settings

    airflow.settings.initialize()
    root.handlers[:] = handlers
    root.setLevel(level)
    return home
