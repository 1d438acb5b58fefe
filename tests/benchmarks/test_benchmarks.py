"""The benchmark reads and judges every record, keeps other parts' figures, and notices a loop that loses records."""

import json
from itertools import islice
from pathlib import Path

import pytest

from include.errors import ConservationError
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
    assert main(["--records", str(RECORDS), "--shards", "2", "--rounds", "1"]) == 0
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
