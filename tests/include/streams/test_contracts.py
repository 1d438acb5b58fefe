"""A stream's contract stands by itself."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
WITHOUT_A_DATABASE = """
import sys
sys.modules["psycopg"] = None  # whoever imports it is refused
from include import streams
assert all(streams.get(name).model for name in streams.names())
"""


def test_what_a_record_must_be_can_be_known_without_a_databases_driver() -> None:
    """A producer checks its records against the models, and the benchmark's rivals do, where none is installed."""
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_A_DATABASE], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
