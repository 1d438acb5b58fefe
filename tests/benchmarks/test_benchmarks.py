"""Parts of the benchmark neither stop nor overwrite each other."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from include.errors import TransientError
from tests.benchmarks import __main__ as benchmarks
from tests.benchmarks.__main__ import keep, main


class Part:
    """A part of the benchmark, without options."""

    def __init__(self, figures: Callable[[], dict[str, Any]]) -> None:
        self._figures = figures

    def add_arguments(self, parser: Any) -> None:
        """Add none."""

    def measure(self, options: Any, say: Any) -> dict[str, Any]:
        return self._figures()

    def render(self, result: dict[str, Any]) -> str:
        return str(result)


def _refused() -> dict[str, Any]:
    raise TransientError("no server")


def _killed() -> dict[str, Any]:
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def test_no_part_stops_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """One part that cannot be measured and one whose process dies leave the others' figures, and the command says 1."""
    parts = {"first": _refused, "second": _killed, "third": lambda: {"figure": 7}}
    monkeypatch.setattr(benchmarks, "PARTS", {name: Part(figures) for name, figures in parts.items()})
    monkeypatch.setenv("CALI_RUN_DIR", str(tmp_path))
    assert main([]) == 1
    results = json.loads((tmp_path / "bench.json").read_text())
    assert list(results) == ["third"]
    assert results["third"]["figure"] == 7
    said = capfd.readouterr().out
    assert "first was not carried out: no server" in said
    assert "second was not carried out: its process ended with -9" in said


def test_all_parts_measured_is_a_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --only every part is measured, in order, each in a process of its own."""
    parts = {name: Part(lambda: {"pid": os.getpid()}) for name in ("first", "second")}
    monkeypatch.setattr(benchmarks, "PARTS", parts)
    monkeypatch.setenv("CALI_RUN_DIR", str(tmp_path))
    assert main([]) == 0
    results = json.loads((tmp_path / "bench.json").read_text())
    assert list(results) == ["first", "second"]
    assert len({os.getpid(), results["first"]["pid"], results["second"]["pid"]}) == 3


def test_a_parts_figures_stand_beside_the_others(tmp_path: Path) -> None:
    """A second run of a part replaces its own alone."""
    path = tmp_path / "run" / "bench.json"
    for part, result in (("other", 1), ("throughput", 2), ("throughput", 3)):
        keep(path, part, result)
    assert json.loads(path.read_text()) == {"other": 1, "throughput": 3}
