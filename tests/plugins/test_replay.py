"""The replay DAG's step: its form, and a replay against real servers beside the live drain."""

import json
import os
import re
import signal
import subprocess
import sys
from copy import copy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import ParamValidationError
from airflow.sdk.execution_time.context import OutletEventAccessors

from cali import assets, replay, stages
from cali.operators.kinesis_drain import KinesisDrainOperator
from include.errors import ConfigurationError
from include.parquet import from_parquet
from include.records import Checkpoint, utc_now
from include.replay.book import Replay, ReplayRequest, ReplayState, Shortfall
from include.replay.bounded import PAGE_INTERVAL_S
from tests.plugins.conftest import Servers

ROOT = Path(__file__).parents[2]
BEGINNING = "2026-01-01T00:00:00+00:00"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROOMS = ("raw", "staged", "dlq", "clean", "quality")
DIES = f"""
import os, signal
from include.adapters.object_store import S3ObjectStore

put, puts = S3ObjectStore.put, []

def put_and_die(self, key, *rest):
    put(self, key, *rest)
    puts.append(key)
    if len(puts) == 2:
        os.kill(os.getpid(), signal.SIGKILL)

S3ObjectStore.put = put_and_die
from cali import replay
replay.run({{"stream": "logs", "from_timestamp": "{BEGINNING}", "max_records": 1}}, "manual__1")
"""


# -- the form ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({}, "exactly one"),
        ({"from_timestamp": BEGINNING, "shard": "s", "from_sequence_number": "1"}, "exactly one"),
        ({"from_sequence_number": "1"}, "give the shard"),
        ({"from_timestamp": BEGINNING, "until": "2025-12-31T00:00:00Z"}, "begin earlier"),
        ({"from_timestamp": BEGINNING, "until": "2999-12-31T00:00:00Z"}, "still to come"),
        ({"from_timestamp": "2026-01-01T00:00:00"}, "from_timestamp='2026-01-01T00:00:00' is not allowed"),
        ({"from_timestamp": "yesterday"}, "from_timestamp='yesterday' is not allowed"),
        ({"from_sequence_number": 49, "shard": "s"}, "from_sequence_number=49 is not allowed"),
        ({"from_sequence_number": "latest", "shard": "s"}, "from_sequence_number='latest' is not allowed"),
        ({"from_timestamp": BEGINNING, "shard": "a shard"}, "shard='a shard' is not allowed"),
        ({"from_timestamp": BEGINNING, "alerts": "yes"}, "alerts='yes' is not allowed"),
        ({"from_timestamp": BEGINNING, "max_records": 0}, "max_records=0 is not allowed"),
        ({"from_timestamp": BEGINNING, "fromm": 1}, "fromm=1 is not allowed"),
        ({"from_timestamp": BEGINNING, "stream": "lgos"}, "There is no stream 'lgos'"),
    ],
    ids=str,
)
def test_a_wrong_order_is_refused_before_any_server_is_asked(params: dict[str, Any], said: str) -> None:
    """Whether it came by the form or by `--conf`, the error names the field and what to give instead."""
    with pytest.raises(ConfigurationError, match=said):
        replay.run({"stream": "logs"} | params, "manual__1")


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("from_sequence_number", "49590338271490256608559692538361571095921575989136588898", True),
        ("from_sequence_number", 4959, False),
        ("from_sequence_number", "latest", False),
        ("shard", "shardId-000000000000", True),
        ("shard", "a shard", False),
        ("alerts", True, True),
        ("alerts", "yes", False),
        ("max_records", 0, False),
        ("stream", "lgos", False),
        ("until", "2026-01-31T12:00:00", False),
    ],
)
def test_the_form_itself_refuses_rubbish(name: str, value: object, right: bool) -> None:
    """A run with a parameter that makes no sense is never created."""
    param = copy(replay.PARAMETERS[name])
    if right:
        assert param.resolve(value) == value
    else:
        with pytest.raises(ParamValidationError):
            param.resolve(value)


def test_the_form_and_the_model_have_the_same_fields() -> None:
    """What can be filled in is taken, and nothing else."""
    assert set(replay.PARAMETERS) == set(replay.ReplayForm.model_fields)


def replayed(**fields: Any) -> Replay:
    """Return a finished replay."""
    request = ReplayRequest("manual__1", from_at=NOON)
    values = {"batches": 2, "records": 30, "shortfall": None, "started_at": NOON} | fields
    return Replay("logs", 7, request, ReplayState.DONE, **values)


def test_the_claim_check_says_what_is_missing() -> None:
    """Numbers, counts and the span are small JSON."""
    short = Shortfall(NOON, NOON + timedelta(hours=2), 1200)
    assert json.loads(json.dumps(replay.claim_check(replayed(shortfall=short)))) == {
        "generation": 7,
        "batches": 2,
        "records": 30,
        "alerts": False,
        "missing": {"from": NOON.isoformat(), "until": "2026-03-01T14:00:00+00:00", "records_at_most": 1200},
    }
    assert "missing" not in replay.claim_check(replayed())


@pytest.mark.parametrize(("batches", "rings"), [(2, [("logs_raw", {"generation": 7})]), (0, [])])
def test_the_process_dag_is_woken_when_there_is_a_batch(
    monkeypatch: pytest.MonkeyPatch, batches: int, rings: list[Any]
) -> None:
    """Of all streams' Assets that of the replayed one is rung, with the generation."""
    events = OutletEventAccessors()
    context = {"params": {}, "run_id": "manual__1", "outlet_events": events}
    monkeypatch.setattr(replay, "get_current_context", lambda: context)
    monkeypatch.setattr(replay, "run", lambda *_: ("logs", replayed(batches=batches)))
    assert replay.drain_again()["generation"] == 7
    rung = events[assets.REPLAYED].asset_alias_events
    assert [(event.dest_asset_key.name, event.extra) for event in rung] == rings


# -- against real servers ----------------------------------------------------------------------------------------------


def event(number: int, level: str = "INFO") -> bytes:
    """Return a sound log event of now."""
    fields = {
        "event_id": f"7d1f2c1e-0d5c-4a57-9a3e-{number:012d}",
        "timestamp": utc_now().isoformat(),
        "level": level,
        "service": "cart",
        "message": "the payment gateway timed out",
        "log_content": f"{level} the payment gateway timed out",
        "pod": "cart-1",
        "version": "1.0",
    }
    return json.dumps(fields).encode()


class Site:
    """A stream that was split while it was drained and processed: records 1 to 3, an error and a broken one, 4."""

    def __init__(self, servers: Servers) -> None:
        self.servers = servers
        servers.put(event(1), event(2, "ERROR"), b"broken")
        self.drain()
        self.parent = servers.split().shard_id
        servers.put(event(3), event(4))
        self.drain()
        self.process()

    def drain(self) -> None:
        KinesisDrainOperator(task_id="drain", stream="logs").execute({"run_id": "live"})  # type: ignore[typeddict-item]

    def process(self) -> None:
        stages.validate("logs")
        stages.alert("logs")
        stages.audit("logs")

    def replay(self, run_id: str = "manual__1", **params: Any) -> Replay:
        return replay.run({"stream": "logs"} | params, run_id)[1]

    def objects(self, prefix: str) -> dict[str, str]:
        listed = self.servers.s3.list_objects_v2(Bucket=self.servers.bucket, Prefix=prefix).get("Contents", ())
        return {entry["Key"]: entry["ETag"] for entry in listed}

    def live_objects(self) -> dict[str, str]:
        return {key: tag for room in ROOMS for key, tag in self.objects(f"{room}/").items()}

    def rows(self, statement: str) -> list[Any]:
        return self.servers.connection.execute(statement).fetchall()

    def checkpoints(self) -> dict[str, Checkpoint]:
        return self.servers.ledger.checkpoints("logs")

    def records(self, prefix: str, column: str) -> list[Any]:
        """Return a column over all objects of a prefix, in order."""
        s3, bucket = self.servers.s3, self.servers.bucket
        bodies = [s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in self.objects(prefix)]
        return sorted(value for body in bodies for value in from_parquet(body, [column]).column(column).to_pylist())

    def groups(self) -> list[tuple[int, int]]:
        return self.rows("select count, replayed from cali.alert_groups")


@pytest.fixture
def site(servers: Servers, slack_server: Any, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Return a stream that was drained and processed live."""
    slack = {"conn_type": "slack", "password": slack_server.token, "extra": {"base_url": slack_server.api}}
    monkeypatch.setenv("AIRFLOW_CONN_SLACK_DEFAULT", json.dumps(slack))
    run = SimpleNamespace(dag_id="logs_process", run_id="live")
    task = {"run_id": "live", "ti": SimpleNamespace(task_id="step"), "dag_run": run}
    monkeypatch.setattr(stages, "get_current_context", lambda: task)
    monkeypatch.setattr("include.replay.bounded.PAGE_INTERVAL_S", PAGE_INTERVAL_S / 10)
    return Site(servers)


@pytest.mark.integration
def test_a_replay_is_drained_and_processed_beside_the_live_stream(site: Site) -> None:
    """The same records lie apart, once, through all stages; nothing of the live stream moved, and nobody was told."""
    before = site.checkpoints(), site.live_objects(), site.groups()
    sent = site.rows("select count(*) from cali.alert_outbox")
    done = site.replay(from_timestamp=BEGINNING)
    site.process()
    assert (done.generation, done.state, done.records, done.shortfall is None) == (1, ReplayState.DONE, 5, False)
    assert (site.checkpoints(), site.live_objects(), site.groups()) == before
    assert site.rows("select count(*) from cali.alert_outbox") == sent
    for room, column in [("raw", "data"), ("dlq", "data"), ("clean", "event_id")]:
        live = site.records(f"{room}/", column)
        assert site.records(f"replay/generation=1/{room}/", column) == live != []
    columns = "sum(records), sum(valid), sum(dead_lettered), sum(alertable), sum(filtered)"
    counts = site.rows(f"select generation, {columns} from cali.micro_batches group by 1 order by 1")  # noqa: S608
    assert counts == [(generation, 5, 4, 1, 1, 3) for generation in (0, 1)]
    assert site.rows("select count(*) from cali.batch_stages where state <> 'done'") == [(0,)]


@pytest.mark.integration
def test_a_replay_that_was_asked_for_alerts_says_so_in_the_group(site: Site) -> None:
    """The records join the live ones' group, counted and told apart."""
    site.replay(from_timestamp=BEGINNING, alerts=True)
    assert site.groups() == [(1, 0)]
    site.process()
    assert site.groups() == [(2, 1)]


@pytest.mark.integration
def test_a_killed_replay_goes_on_in_its_generation(site: Site) -> None:
    """Killed between an object and its commit, the same run's next try leaves every record there once."""
    command = [sys.executable, "-c", DIES]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}"}
    assert subprocess.run(command, env=environment, check=False, timeout=300).returncode == -signal.SIGKILL
    assert site.rows("select generation, state, batches from cali.replays") == [(1, "running", 0)]
    (committed,) = site.rows("select count(*) from cali.micro_batches where generation = 1")[0]
    assert 0 < committed < 5
    done = site.replay(from_timestamp=BEGINNING, max_records=1)
    assert (done.generation, done.batches, done.records) == (1, 5, 5)
    assert site.records("replay/generation=1/raw/", "data") == site.records("raw/", "data")
    objects = site.objects("replay/")
    assert site.replay(from_timestamp=BEGINNING, max_records=1) == done
    assert site.objects("replay/") == objects


@pytest.mark.integration
def test_a_replay_from_a_sequence_number_follows_the_split(site: Site) -> None:
    """From the second record of the shard that was split, through to its children."""
    first, second, *_ = site.rows(
        f"select first_sequence_number, last_sequence_number from cali.micro_batches where shard_id = '{site.parent}'"  # noqa: S608
    )[0]
    whole = site.replay("a", shard=site.parent, from_sequence_number=first)
    tail = site.replay("b", shard=site.parent, from_sequence_number=second)
    assert (whole.generation, whole.records, whole.shortfall) == (1, 5, None)
    assert (tail.generation, tail.records, tail.shortfall) == (2, 3, None)
    # A wrong number is no reason to read the whole shard.
    for number in ("1", "9" * 56):
        with pytest.raises(ConfigurationError, match=f"{site.parent} refused"):
            site.replay("c", shard=site.parent, from_sequence_number=number)


@pytest.mark.integration
def test_a_generation_is_read_and_removed_as_the_page_says(site: Site, s3_server: Any) -> None:
    """The line of DuckDB and the statements of docs/replay.md do what is written there, and the live rows stay."""
    import duckdb

    for run_id in ("a", "b", "c"):
        site.replay(run_id, from_timestamp=BEGINNING)
    site.process()
    page = (ROOT / "docs/replay.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"```sql\n(.+)\n```", page)
    buckets = str(s3_server.folder / "buckets" / site.servers.bucket)
    with duckdb.connect() as connection:
        levels = connection.execute(line.replace(".run/s3/buckets/cali", buckets)).fetchall()
    assert sorted(levels) == [("ERROR", 1), ("INFO", 3)]
    removals = re.findall(r"SQL=\"(delete .+?)\"", page)
    assert [site.servers.connection.execute(statement).rowcount for statement in removals] == [2, 2]
    for table in ("micro_batches", "shard_checkpoints"):
        generations = site.rows(f"select distinct generation from cali.{table} order by 1")  # noqa: S608
        assert generations == [(0,), (1,), (2,)]


@pytest.mark.integration
def test_a_range_by_time_is_the_records_that_arrived_in_it(site: Site) -> None:
    """The bounds are the arrival times that Kinesis gave."""
    arrivals = site.records("raw/", "arrived_at")
    done = site.replay(from_timestamp=arrivals[1].isoformat(), until=arrivals[-1].isoformat())
    found = site.records("replay/generation=1/raw/", "arrived_at")
    assert (done.shortfall, found) == (None, [at for at in arrivals if arrivals[1] <= at < arrivals[-1]])
