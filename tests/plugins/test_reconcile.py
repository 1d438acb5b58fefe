"""The reconcile DAG's steps: the span that is meant, and the proof on real servers."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from cali import reconcile, stages
from cali.operators.kinesis_drain import KinesisDrainOperator
from include.errors import ConfigurationError, TransientError
from include.keys import Room
from include.proof.reconciliation.settings import reconcile_schedule
from include.records import utc_now
from include.settings import running_streams
from tests.plugins.conftest import Servers
from tests.plugins.test_stages import event

RUN_ID = "scheduled__2026-03-02T00:10:00+00:00"
EMPTY: dict[str, Any] = {"stream": "all", "from": None, "to": None}


def context(run_after: datetime = datetime(2026, 3, 2, 0, 10, tzinfo=UTC), **params: Any) -> Any:
    """Return what a task of the run finds itself in."""
    run = SimpleNamespace(dag_id="reconcile", run_id=RUN_ID, run_after=run_after)
    return {"run_id": RUN_ID, "dag_run": run, "ti": SimpleNamespace(task_id="prove"), "params": EMPTY | params}


# -- which span --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "run_after",
    [
        datetime(2026, 3, 2, 0, 0, tzinfo=UTC),
        datetime(2026, 3, 2, 23, 59, 59, tzinfo=UTC),
        datetime(2026, 3, 3, 1, 30, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_the_empty_form_means_the_day_before_the_run_was_due(run_after: datetime) -> None:
    """In UTC, whole, whatever zone the run's time is written in, and for every stream that runs."""
    day = {"from": "2026-03-01T00:00:00+00:00", "to": "2026-03-02T00:00:00+00:00"}
    assert reconcile.choose(context(run_after)) == [{"stream": name, **day} for name in running_streams()]


def test_a_form_names_stream_and_span() -> None:
    """Times may have any zone; they are handed on in UTC."""
    form = {"stream": "logs", "from": "2026-03-01T12:00:00+01:00", "to": "2026-03-01T12:30:00Z"}
    assert reconcile.choose(context(**form)) == [
        {"stream": "logs", "from": "2026-03-01T11:00:00+00:00", "to": "2026-03-01T12:30:00+00:00"}
    ]


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"from": "2026-03-01T12:00:00Z"}, "'from' and 'to' go together"),
        ({"to": "2026-03-01T12:00:00Z"}, "'from' and 'to' go together"),
        ({"from": "2026-03-01T12:00:00Z", "to": "2026-03-01T12:00:00Z"}, "'to' must be later"),
        ({"from": "2026-03-01T12:00:00", "to": "2026-03-01T13:00:00Z"}, "from="),
        ({"from": "yesterday", "to": "2026-03-01T13:00:00Z"}, "from="),
        ({"until": "2026-03-01T13:00:00Z"}, "until="),
        ({"start": "2026-03-01T13:00:00Z"}, "start="),
        ({"stream": "lgos"}, "There is no stream 'lgos'"),
    ],
)
def test_a_wrong_form_is_refused_by_name(params: dict[str, Any], named: str) -> None:
    """Nothing is proved about a span that was guessed."""
    with pytest.raises(ConfigurationError, match=named):
        reconcile.choose(context(**params))


def test_the_schedule_is_a_setting() -> None:
    """Shortly after midnight, unless the environment says otherwise; a wrong one is named."""
    assert reconcile_schedule({}) == "10 0 * * *"
    assert reconcile_schedule({"CALI_RECONCILE_SCHEDULE": "0 3 * * *"}) == "0 3 * * *"
    with pytest.raises(ConfigurationError, match="CALI_RECONCILE_SCHEDULE='nightly'"):
        reconcile_schedule({"CALI_RECONCILE_SCHEDULE": "nightly"})


# -- the proof ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def choice() -> dict[str, str]:
    """Return the stream `logs` and the hour around now."""
    now = utc_now()
    return {
        "stream": "logs",
        "from": (now - timedelta(minutes=30)).isoformat(),
        "to": (now + timedelta(minutes=30)).isoformat(),
    }


@pytest.fixture
def processed(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Servers:
    """Return a world with three batches, one of a record that was joined of two, and a dead letter; no alert waits."""
    monkeypatch.setattr(stages, "get_current_context", context)
    monkeypatch.setattr(stages, "notify", lambda *_, **__: {})
    for payloads in ([event(1), event(2)], [b"rubbish", event(3)], [event(4) + b"\n" + event(5)]):
        servers.put(*payloads)
        KinesisDrainOperator(task_id="drain", stream="logs").execute({"run_id": "run"})  # type: ignore[typeddict-item]
    stages.validate("logs")
    stages.alert("logs")
    stages.audit("logs")
    return servers


def outbox(servers: Servers) -> list[tuple[Any, ...]]:
    """Return the groups that wait to be told, with their counts."""
    query = "select title, count from cali.alert_groups join cali.alert_outbox on group_id = alert_groups.id order by 1"
    return servers.connection.execute(query).fetchall()


def written(servers: Servers) -> list[tuple[Any, ...]]:
    """Return what the table says."""
    return servers.connection.execute("select run_id, state, differences > 0 from cali.reconciliations").fetchall()


def on_disk(s3_server: Any, servers: Servers, room: Room) -> Path:
    """Return the file of the room's first object."""
    return Path(s3_server.folder) / "buckets" / servers.bucket / servers.keys(room)[0]


@pytest.mark.integration
def test_an_untouched_stream_is_equal_and_a_spoilt_object_is_told_once(
    processed: Servers, choice: dict[str, str], s3_server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The whole way: equal with a report; a record's bytes change on disk: red, one alert a kind, and no second one."""
    caplog.set_level("INFO")
    check = reconcile.prove(choice, context())
    assert [check[name] for name in ("state", "batches", "records", "objects", "stream_records")] == [
        *("equal", 3, 6, 10, 6)
    ]
    assert "records found again in the stream" in caplog.text
    assert written(processed) == [(RUN_ID, "equal", False)]
    report = json.loads(processed.s3.get_object(Bucket=processed.bucket, Key=check["report_key"])["Body"].read())
    assert (report["state"], report["run_id"], report["kinds"]) == ("equal", RUN_ID, {})
    assert outbox(processed) == []

    path = on_disk(s3_server, processed, Room.RAW)
    data = bytearray(path.read_bytes())
    # Of the same length: the server remembers how long a file is.
    data[4:64] = bytes(60)
    path.write_bytes(data)
    for _ in range(2):
        with pytest.raises(
            AirflowFailException, match=f"^DifferenceError: logs: .* {check['report_key']} in the bucket"
        ):
            reconcile.prove(choice, context())
        assert written(processed) == [(RUN_ID, "different", True)]
        assert outbox(processed) == [
            ("reconciliation failed: lost", 1),
            ("reconciliation failed: object_unreadable", 1),
        ]
    report = json.loads(processed.s3.get_object(Bucket=processed.bucket, Key=check["report_key"])["Body"].read())
    assert set(report["kinds"]) == {"lost", "object_unreadable"}


@pytest.mark.integration
def test_a_batch_that_the_ledger_lost_is_found_by_the_stream(
    processed: Servers, choice: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ledger and objects agree with each other, only the stream knows better; an outage before is no finding."""
    query = "delete from cali.micro_batches where drained_at = (select max(drained_at) from cali.micro_batches)"
    processed.connection.execute(query)
    with monkeypatch.context() as away:
        away.setenv("AIRFLOW_CONN_CALI_POSTGRES", "postgres://cali:x@127.0.0.1:9/cali")
        with pytest.raises(TransientError):
            reconcile.prove(choice, context())
    assert (written(processed), outbox(processed)) == ([], [])
    with pytest.raises(AirflowFailException, match=r"1 differences \(lost 1\)"):
        reconcile.prove(choice, context())
    assert outbox(processed) == [("reconciliation failed: lost", 1)]
