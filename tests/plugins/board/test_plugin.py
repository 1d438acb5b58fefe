"""What the pages cost the components that never show them."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
LOAD = """
import sys
import airflow.plugins_manager
before = set(sys.modules)
import cali.batches, cali.board
print(sorted(name for name in set(sys.modules) - before if not name.startswith("cali")))
"""


def test_the_plugin_imports_nothing_of_the_page(tmp_path: Path) -> None:
    """Neither FastAPI, nor Postgres' library, nor ours: the page's code is the API server's alone."""
    environment = {
        "AIRFLOW_HOME": str(tmp_path),
        "PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}",
        "PATH": os.environ["PATH"],
    }
    ran = subprocess.run(
        [sys.executable, "-c", LOAD], env=environment, capture_output=True, text=True, check=True, timeout=600
    )
    assert ran.stdout.splitlines()[-1] == "[]"
