"""Environments for what only a benchmark needs, so that the platform's stays as it is."""

import hashlib
import subprocess
import venv
from pathlib import Path

from include.errors import TransientError
from local.settings import ROOT

CONSTRAINTS = ROOT / "constraints.txt"
HERE = Path(__file__).parent
TOLD = 3
"""How many of pip's last lines an error tells."""


def environment(name: str, folder: Path) -> Path:
    """Return the Python of an environment with what ``requirements-<name>.txt`` pins, made in ``folder`` at first.

    Raises:
        TransientError: pip could not install it.
    """
    requirements = HERE / f"requirements-{name}.txt"
    place = folder / name
    python, stamp = place / "bin" / "python", place / "installed"
    wanted = hashlib.sha256(requirements.read_bytes() + CONSTRAINTS.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    venv.create(place, clear=True, symlinks=True, with_pip=True)
    pip = subprocess.run(
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
        capture_output=True,
        text=True,
        check=False,
    )
    if pip.returncode:
        raise TransientError(f"pip could not install {requirements.name}: {' '.join(pip.stderr.splitlines()[-TOLD:])}")
    stamp.write_text(wanted)
    return python
