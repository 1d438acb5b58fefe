"""Every contender reads every record and writes it to S3; one that cannot leaves the others' figures alone."""

import gzip
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from include import streams
from include.errors import ConservationError, TransientError
from local.settings import run_folder
from tests.benchmarks import environment, throughput
from tests.benchmarks.__main__ import main
from tests.benchmarks.baseline import page_objects
from tests.benchmarks.contenders import Contender, apart, forked, plain, platform, rivals
from tests.benchmarks.run import Order, Run, Stopwatch
from tests.benchmarks.servers import BUCKET, SIZES, Emulators, emulators, filled_stream, simulated_records

RECORDS = 600
ENVIRONMENTS = run_folder(os.environ) / "bench"
"""Where ``make bench`` keeps them, too: they are made once."""
MINUTES = pytest.mark.timeout(2700)
"""The first time installs them."""
INSTALLED_APART = [MINUTES, pytest.mark.rivals]
"""Of a contender that has an environment of its own."""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulators]:
    """Kinesis and S3."""
    with emulators(tmp_path_factory.mktemp("bench")) as both:
        yield both


@pytest.fixture(scope="module")
def order(servers: Emulators) -> Iterator[Order]:
    """Name a stream of two shards with records."""
    with filled_stream(servers, "logs", RECORDS, 2) as stream:
        yield Order("logs", stream.name, RECORDS)


@pytest.mark.integration
def test_the_command_measures_cali_and_the_plain_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ends with 0, prints a table and writes rates, ratios, runs and machine; nobody else joins when told so."""
    monkeypatch.setattr(throughput, "warm_parent", lambda: None)
    monkeypatch.setenv("CALI_RUN_DIR", str(tmp_path))
    size = ["--records", str(RECORDS), "--shards", "2", "--rounds", "1"]
    assert main(["--only", "throughput", *size, "--rivals-up-to", "0"]) == 0
    result = json.loads((tmp_path / "bench.json").read_text())["throughput"]
    rows = {row["stream"]: row for row in result["rows"]}
    assert set(rows) == set(streams.names())
    read = [{name: run["records"] for name, run in runs.items()} for row in rows.values() for runs in row["runs"]]
    assert read == [{"cali": RECORDS, "boto3_loop": RECORDS}] * len(rows)
    row = rows["logs"]
    assert result["cali"] == row["rates"]["cali"] > 0 < result["boto3_loop"]
    assert result["ratios"] == {"boto3_loop": pytest.approx(result["cali"] / result["boto3_loop"])}
    assert (result["async_kinesis"], result["kinesis_trigger"], result["dlt"]) == (None, None, None)
    assert {"processor", "python", "pydantic"} <= set(result["machine"])
    assert "logs, 600, 2" in capsys.readouterr().out


@pytest.mark.integration
@pytest.mark.parametrize("name", [pytest.param("async_kinesis", marks=INSTALLED_APART), "kinesis_trigger"])
def test_a_rival_does_what_the_plain_loop_does(servers: Emulators, order: Order, name: str) -> None:
    """It reads each record once, and the same raw records, valid events and dead letters are on S3."""
    run = rivals(ENVIRONMENTS)[name]()(servers, order)
    assert (run.records, run.repeated) == (RECORDS, 0)
    assert run.cpu_s > 0
    forked(plain)(servers, order)
    written, expected = (lines(servers, f"{folder}/", order) for folder in (name, "plain"))
    assert len(expected["raw"]) == len(expected["valid"]) + len(expected["dead"])
    assert written == expected


@MINUTES
@pytest.mark.rivals
@pytest.mark.integration
def test_dlt_loads_every_record_into_parquet(servers: Emulators, order: Order) -> None:
    """Each is a row with its event's columns, also when the stream is loaded a second time."""
    dlt = rivals(ENVIRONMENTS)["dlt"]()
    assert [dlt(servers, order).records for _ in range(2)] == [RECORDS, RECORDS]
    tables = [
        pq.read_table(io.BytesIO(body))
        for key, body in objects(servers, "dlt/")
        if order.stream.replace("-", "_") in key and "/records/" in key
    ]
    assert sum(table.num_rows for table in tables) == 2 * RECORDS
    assert {"event_id", "level", "_kinesis__seq_no"} <= set(tables[0].column_names)


@pytest.mark.integration
def test_a_run_that_reads_too_few_records_is_no_figure(servers: Emulators, order: Order) -> None:
    """A loop that is fast because it leaves records out is found out."""
    with pytest.raises(ConservationError, match=f"read {RECORDS} of {RECORDS + 1}"):
        forked(platform)(servers, Order(order.kind, order.stream, RECORDS + 1))


@pytest.mark.integration
def test_a_rival_that_fails_tells_its_last_words(servers: Emulators) -> None:
    """A stream that is not there ends the trigger's process, and the error says why."""
    trigger = apart("polling_trigger", Path(sys.executable))
    with pytest.raises(TransientError, match="ResourceNotFoundException"):
        trigger(servers, Order("logs", "absent", 1))


def test_what_cannot_be_installed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the requirements and repeats what pip said."""
    (tmp_path / "requirements-absent.txt").write_text("./there_is_no_such_folder\n")
    monkeypatch.setattr(environment, "HERE", tmp_path)
    with pytest.raises(TransientError, match=r"requirements-absent\.txt.*there_is_no_such_folder"):
        environment.environment("absent", tmp_path / "bench")


def steady(rate: float, missed: int = 0) -> Contender:
    """Return a contender that always carries so many records per CPU second."""
    return lambda _, order: Run(order.records - missed, (order.records - missed) / rate, 1.0)


def failing(_: Emulators, order: Order) -> Run:
    """Read nothing."""
    raise TransientError(f"cannot read {order.stream}")


@pytest.mark.integration
def test_a_rival_that_fails_leaves_the_others_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that fails and one that cannot be installed are absent with the reason; what another missed is told."""

    def uninstallable() -> Contender:
        raise TransientError("no index")

    ready = {"async_kinesis": uninstallable, "kinesis_trigger": lambda: failing, "dlt": lambda: steady(10, missed=2)}
    monkeypatch.setattr(throughput, "warm_parent", lambda: None)
    monkeypatch.setattr(throughput, "rivals", lambda _: ready)
    monkeypatch.setattr(throughput, "ALWAYS", {"cali": steady(120), "boto3_loop": steady(60)})
    monkeypatch.setenv("CALI_RUN_DIR", str(tmp_path))
    assert main(["--only", "throughput", "--records", "10", "--shards", "1", "--rounds", "2"]) == 0
    result = json.loads((tmp_path / "bench.json").read_text())["throughput"]
    assert (result["cali"], result["dlt"], result["async_kinesis"], result["kinesis_trigger"]) == (120, 10, None, None)
    assert result["ratios"] == {"boto3_loop": 2, "dlt": pytest.approx(12)}
    assert result["absent"]["async_kinesis"] == "no index"
    assert result["absent"]["kinesis_trigger"].startswith("cannot read bench-")
    shown = throughput.render(result)
    assert "async-kinesis took no part, or not to the end: no index" in shown
    assert "dlt missed 2 of 10 records and repeated 0" in shown


@pytest.mark.integration
def test_cali_that_fails_is_no_remark_but_the_end(servers: Emulators) -> None:
    """Only a rival may be left out."""
    field = throughput.Field(lambda _: None, {"cali": failing})
    with pytest.raises(TransientError, match="cannot read"):
        field.round(servers, Order("logs", "any", 1), ["cali"])


def test_the_headline_is_the_largest_size_that_all_joined() -> None:
    """A size that only CALI and the plain loop ran has its row, but the rates to compare are those of another."""
    sizes = ((10, 1), (100, 1), (100, 4), (1000, 1))
    rows = [
        {"stream": "logs", "record_bytes": 600, "records": records, "shards": shards, "ratios": {}}
        | {"rates": {"cali": records + shards}}
        for records, shards in sizes
    ]
    headline = throughput._headline(rows, rivals_up_to=100)
    assert headline["cali"] == 101
    assert headline["size"] == {"stream": "logs", "record_bytes": 600, "records": 100, "shards": 1}
    assert throughput._headline(rows, rivals_up_to=0)["cali"] == 1001


def test_cpu_of_ended_children_counts() -> None:
    """What a contender lets another process do is its own."""
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    watch = Stopwatch()
    subprocess.run([sys.executable, "-c", burn], check=True)
    assert watch.run(1).cpu_s >= 0.3


def test_a_page_is_parted_into_valid_events_and_others() -> None:
    """All are in raw, those that the model takes in valid, the rest in dead."""
    payloads = [*islice(simulated_records("logs"), 3), b"{}", b"no json"]
    parts = dict(page_objects("plain", "s/1", payloads, streams.get("logs").model))
    counts = {key: len(gzip.decompress(body).split(b"\n")) for key, body in parts.items()}
    assert counts == {
        "plain/raw/s/1.ndjson.gz": 5,
        "plain/valid/s/1.ndjson.gz": 3,
        "plain/dead/s/1.ndjson.gz": 2,
    }


@pytest.mark.parametrize(("kind", "identity"), [("logs", "event_id"), ("transactions", "tx_id")])
def test_records_have_the_size_that_is_told(kind: str, identity: str) -> None:
    """Nearly all are of exactly that many bytes and hold JSON; the malformed ones, and those sent twice, are few."""
    size, _ = SIZES[kind]
    records = list(islice(simulated_records(kind), 1000))
    sound = [data for data in records if len(data) == size]
    assert len(sound) > 970
    assert len({json.loads(data)[identity] for data in sound}) > 0.99 * len(sound)


def test_records_without_a_size_are_as_they_are_simulated(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that nobody gave a size is measured all the same."""
    monkeypatch.setattr("tests.benchmarks.servers.SIZES", {})
    records = list(islice(simulated_records("logs"), 100))
    assert len({len(data) for data in records}) > 10


def objects(servers: Emulators, prefix: str) -> Iterator[tuple[str, bytes]]:
    """Yield the keys and contents of the objects under a prefix."""
    with closing(servers.client("s3")) as s3:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix):
            for found in page.get("Contents", []):
                yield found["Key"], s3.get_object(Bucket=BUCKET, Key=found["Key"])["Body"].read()


def lines(servers: Emulators, prefix: str, order: Order) -> dict[str, list[bytes]]:
    """Return, by room, the sorted lines of what was written of a stream."""
    rooms: dict[str, Any] = {"raw": [], "valid": [], "dead": []}
    for key, body in objects(servers, prefix):
        if f"/{order.stream}/" in key:
            rooms[key.split("/")[1]] += gzip.decompress(body).split(b"\n")
    return {room: sorted(found) for room, found in rooms.items()}
