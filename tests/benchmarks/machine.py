"""On what a benchmark ran: figures mean nothing without it."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("boto3", "msgspec", "pyarrow", "pydantic")


def machine() -> dict[str, str]:
    """Return the machine's processor and kernel, and the versions of what the hot path stands on."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "processor": models[0].partition(":")[2].strip() if models else platform.machine(),
        "cores": str(os.cpu_count()),
        "system": platform.platform(),
        "python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
    }
