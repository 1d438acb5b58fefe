"""Environments for what only a benchmark needs, so that the platform's stays as it is."""

import hashlib
import subprocess
import sys
from pathlib import Path

from include.errors import TransientError
from local.settings import ROOT

CONSTRAINTS = ROOT / "constraints.txt"
HERE = Path(__file__).parent
TOLD = 3
"""How many of a failed command's last lines an error tells."""


def environment(name: str, folder: Path) -> Path:
    """Return the Python of an environment with what ``requirements-<name>.txt`` pins, made in ``folder`` at first.

    Raises:
        TransientError: it could not be installed.
    """
    requirements = HERE / f"requirements-{name}.txt"
    place = folder / name
    python, stamp = place / "bin" / "python", place / "installed"
    wanted = hashlib.sha256(requirements.read_bytes() + CONSTRAINTS.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    commands = (
        [sys.executable, "-m", "venv", "--clear", place],
        [
            python,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "-r",
            requirements,
            "-c",
            CONSTRAINTS,
        ],
    )
    for command in commands:
        ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if ended.returncode:
            said = " ".join(ended.stdout.splitlines()[-TOLD:])
            raise TransientError(f"{requirements.name} was not installed: {said}")
    stamp.write_text(wanted)
    return python
