"""The benchmark reads and judges every record, keeps other parts' figures, and notices a loop that loses records."""

import json
import os
import signal
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from include.errors import ConservationError, TransientError
from tests.benchmarks import __main__ as benchmarks
from tests.benchmarks import throughput
from tests.benchmarks.__main__ import keep, main
from tests.benchmarks.servers import RECORD_BYTES, emulators, filled_stream, log_records

RECORDS = 600


@pytest.mark.integration
def test_both_ways_read_every_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command ends with 0, prints a table and writes medians, runs and machine."""
    monkeypatch.setattr(throughput, "warm_parent", lambda: None)
    monkeypatch.setenv("CALI_RUN_DIR", str(tmp_path))
    assert main(["--only", "throughput", "--records", str(RECORDS), "--shards", "2", "--rounds", "1"]) == 0
    result = json.loads((tmp_path / "bench.json").read_text())["throughput"]
    (row,) = result["rows"]
    assert [run["records"] for pair in row["runs"] for run in pair] == [RECORDS, RECORDS]
    assert row["rate"] > 0 < row["plain_rate"]
    assert {"processor", "python", "pydantic"} <= set(result["machine"])
    assert "600, 2" in capsys.readouterr().out


@pytest.mark.integration
def test_a_run_that_reads_too_few_records_is_no_figure(tmp_path: Path) -> None:
    """A loop that is fast because it leaves records out is found out."""
    with (
        emulators(tmp_path) as servers,
        filled_stream(servers, 5, 1) as stream,
        pytest.raises(ConservationError, match="read 5 of 6"),
    ):
        throughput._run(servers, throughput.platform, stream, 6)


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


def test_records_have_the_size_that_is_told() -> None:
    """Nearly all are of exactly that many bytes and hold JSON; the malformed ones are few."""
    records = list(islice(log_records(), 1000))
    sound = [data for data in records if len(data) == RECORD_BYTES]
    assert len(sound) > 970
    assert all(json.loads(data)["event_id"] for data in sound)
    assert len({json.loads(data)["event_id"] for data in sound}) == len(sound)
