"""A backlog of any length, made up as it is read, is drained record by record like any other."""

import json
from pathlib import Path

import pytest

from include.adapters.kinesis import BotoStreamReader
from include.records import Checkpoint
from local.servers.aws import client
from tests.benchmarks import backlog
from tests.benchmarks.__main__ import main
from tests.benchmarks.endless_kinesis import ANYBODY, PAGE, SHARD, endless_kinesis


def test_the_stand_in_numbers_its_records_and_goes_on_behind_a_page() -> None:
    """Each record has a number of its own, in order; behind the last page is nothing, and the lag is 0."""
    with endless_kinesis("logs", PAGE + 1) as address:
        reader = BotoStreamReader(client("kinesis", address, ANYBODY, patient=True))
        (shard,) = reader.shards("any")
        checkpoint = Checkpoint(shard.shard_id)
        first = reader.page("any", reader.iterator("any", checkpoint), PAGE)
        assert first.next_iterator is not None
        behind = Checkpoint(SHARD, sequence_number=first.records[-1].sequence_number)
        second = reader.page("any", reader.iterator("any", behind), PAGE)
        assert second.next_iterator is not None
        end = reader.page("any", second.next_iterator, PAGE)
    numbers = [record.sequence_number for record in first.records + second.records]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == 2 * PAGE
    assert [record.data for record in first.records] != [record.data for record in second.records]
    assert (first.behind_s > 0, second.behind_s, end.records) == (True, 0, ())


@pytest.mark.integration
@pytest.mark.thorough
def test_the_command_measures_a_backlog_beside_the_plain_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ends with 0, having read every record, and writes rate, ratio and memory."""
    monkeypatch.setattr(backlog, "warm_parent", lambda: None)
    monkeypatch.setenv("CALI_RUN_DIR", str(tmp_path))
    assert main(["--only", "backlog", "--backlogs", "1", "--backlog-rounds", "1"]) == 0
    (row,) = json.loads((tmp_path / "bench.json").read_text())["backlog"]["rows"]
    assert row["records"] == row["runs"][0]["cali"]["records"] == PAGE
    assert row["batches"] == 1
    assert row["rate"] > 0
    assert row["times"] > 0
    assert f"{PAGE:,}" in capsys.readouterr().out
