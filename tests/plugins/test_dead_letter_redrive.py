"""The redrive's operator on real servers: from a model that refuses to rows in clean/, and what a form may ask for."""

import json
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException
from airflow.sdk.execution_time.context import OutletEventAccessors

from cali.forms import filled
from cali.operators.dead_letter_redrive import REDRIVEN, DeadLetterRedriveOperator
from cali.operators.kinesis_drain import KinesisDrainOperator
from cali.redrive import REDRIVE_PARAMETERS, RedriveForm
from include import streams
from include.adapters.object_store import S3ObjectStore
from include.alerts.settings import AlertSettings
from include.alerts.store import PostgresAlertStore
from include.errors import CaliError, ConfigurationError
from include.parquet import from_parquet
from include.process.alert_stage import alert_pending
from include.process.audit_stage import QualityDesk, audit_pending
from include.process.validate_stage import validate_pending
from include.process.work import Workplace
from include.proof.summary import summarize
from include.records import utc_now
from include.simulator.journal import JournalEntry
from include.streams.logs.model import LogEvent
from tests.plugins.conftest import Servers

TRACE = """
    select redrive_state, redrive_batch_id, redrive_batch_state, clean_key, dlq_key
    from cali.dead_letter_trace where sequence_number = %s
"""
REDRIVES = "select state, dry_run, considered, fixed, still_bad, skipped from cali.redrives order by redrive_id"


class Looser(LogEvent):
    """The model once it takes every service's name."""

    service: str


def event(number: int, service: str) -> bytes:
    """Return a log event of now."""
    fields = {
        "event_id": f"7d1f2c1e-0d5c-4a57-9a3e-{number:012d}",
        "timestamp": utc_now().isoformat(),
        "level": "ERROR",
        "service": service,
        "message": "the basket is full",
        "log_content": "ERROR the basket is full",
        "pod": "cart-1",
        "version": "1.0",
    }
    return json.dumps(fields).encode()


class Site:
    """A drained and processed batch: an event, one of a service whose name the model refuses, and rubbish."""

    def __init__(self, servers: Servers) -> None:
        self.servers = servers
        self.payloads = (event(1, "cart"), event(2, "Cart_2"), b"rubbish")
        servers.put(*self.payloads)
        KinesisDrainOperator(task_id="drain", stream="logs").execute({"run_id": "drain"})  # type: ignore[typeddict-item]
        self.store = S3ObjectStore(servers.s3, servers.bucket)
        self.process()
        rows = from_parquet(self.store.get(servers.keys("raw")[0])).to_pylist()
        self.numbers = [row["sequence_number"] for row in rows]
        self.woken: list[str] = []

    def process(self) -> None:
        connection = self.servers.connection
        place = Workplace(streams.get("logs"), self.store, self.servers.ledger, "run", utc_now)
        alerts, settings = PostgresAlertStore(connection), AlertSettings()
        validate_pending(place)
        alert_pending(place, alerts, settings, "")
        audit_pending(place, QualityDesk(alerts, settings, ""))

    def redrive(self, run_id: str, **params: object) -> dict[str, Any]:
        events = OutletEventAccessors()
        context: Any = {"run_id": run_id, "params": {"stream": "logs"} | params, "outlet_events": events}
        outcome: dict[str, Any] = DeadLetterRedriveOperator(task_id="redrive").execute(context)
        self.woken = [event.dest_asset_key.name for event in events[REDRIVEN].asset_alias_events]
        return outcome

    def rows(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        return self.servers.connection.execute(statement, parameters).fetchall()  # type: ignore[arg-type]

    def clean(self) -> list[tuple[str, str]]:
        tables = [from_parquet(self.store.get(key)) for key in self.servers.keys("clean")]
        return sorted((row["_sequence_number"], row["service"]) for table in tables for row in table.to_pylist())

    def journal(self) -> Iterator[JournalEntry]:
        for number, data in zip(self.numbers, self.payloads, strict=True):
            kind = "malformed" if data == self.payloads[2] else "valid"
            digest = sha256(data).hexdigest()
            yield JournalEntry("shardId-000000000000", number, digest, None, kind, False, None, 0.0)


@pytest.fixture
def site(servers: Servers) -> Site:
    """Return a site with two open dead letters."""
    return Site(servers)


@pytest.fixture
def mended(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Return the site once the model takes the one dead letter that is an event."""
    loose = replace(streams.get("logs"), model=Looser)
    monkeypatch.setattr(streams, "get", lambda _: loose)
    return site


@pytest.mark.integration
def test_a_mended_model_brings_its_dead_letters_into_clean_once(mended: Site) -> None:
    """Dry run, redrive, process: the record is published under its own identity, traced, and the proof holds."""
    assert mended.redrive("dry")["fixed"] == 1
    assert (mended.woken, len(mended.servers.keys("raw"))) == ([], 1)
    outcome = mended.redrive("wet", dry_run=False)
    expected = {"redrive_id": 2, "dry_run": False, "considered": 2, "fixed": 1, "still_bad": 1, "skipped": 0}
    assert {name: outcome[name] for name in expected} == expected
    assert outcome["reasons"] == {
        "json_invalid": {"considered": 1, "fixed": 0},
        "string_pattern_mismatch": {"considered": 1, "fixed": 1},
    }
    assert mended.woken == ["logs_raw"]
    mended.process()
    assert mended.clean() == [(mended.numbers[0], "cart"), (mended.numbers[1], "Cart_2")]
    (trace,) = mended.rows(TRACE, mended.numbers[1])
    published = [key for key in mended.servers.keys("clean") if "redrive" in key]
    assert trace == ("redriven", outcome["batches"][0], "published", published[0], mended.servers.keys("dlq")[0])
    summary = summarize(mended.servers.connection, mended.store, "logs", mended.journal(), utc_now())
    assert (summary.wrong, summary.redriven, summary.unconserved, summary.unpublished) == ((), 1, 0, 0)
    assert (summary.drained, summary.valid, summary.dead_lettered, summary.batches) == (3, 1, 2, 2)


@pytest.mark.integration
def test_redriving_twice_changes_nothing(mended: Site) -> None:
    """The second run finds only what stays bad, moves nothing and wakes nobody."""
    mended.redrive("first", dry_run=False)
    mended.process()
    before = (mended.clean(), mended.rows("select batch_id, state from cali.micro_batches order by 1"))
    assert mended.redrive("second", dry_run=False)["fixed"] == 0
    assert mended.woken == []
    mended.process()
    assert (mended.clean(), mended.rows("select batch_id, state from cali.micro_batches order by 1")) == before
    assert mended.rows(REDRIVES) == [("done", False, 2, 1, 1, 0), ("done", False, 1, 0, 1, 0)]


@pytest.mark.integration
def test_nothing_to_redrive_is_skipped_and_says_what_is_open(site: Site) -> None:
    """A misspelt reason is seen at once."""
    with pytest.raises(AirflowSkipException, match=r"open in logs: {'json_invalid': 1, 'string_pattern_mismatch': 1}"):
        site.redrive("run", reason="literal_eror")


@pytest.mark.integration
def test_a_stopped_redrive_is_marked_and_told(site: Site) -> None:
    """Airflow's kill leaves the rest open, and the redrive's row says that it was cancelled."""
    operator = DeadLetterRedriveOperator(task_id="redrive")
    operator.on_kill()
    context: Any = {"run_id": "run", "params": {"stream": "logs"}, "outlet_events": OutletEventAccessors()}
    with pytest.raises(CaliError, match="was stopped"):
        operator.execute(context)
    assert site.rows(REDRIVES) == [("cancelled", True, 0, 0, 0, 0)]


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({}, "stream="),
        ({"stream": "logs", "reson": "missing"}, "reson='missing'"),
        ({"stream": "logs", "records_per_second": 0}, "records_per_second=0"),
        ({"stream": "logs", "dry_run": "maybe"}, "dry_run='maybe'"),
        ({"stream": "logs", "arrived_from": "2026-01-31T12:00:00"}, "arrived_from="),
        ({"stream": "lgos"}, "There is no stream 'lgos'"),
        (
            {"stream": "logs", "arrived_from": "2026-01-02T00:00:00Z", "arrived_before": "2026-01-01T00:00:00Z"},
            "arrived_from=2026-01-02",
        ),
    ],
    ids=repr,
)
def test_a_wrong_form_is_refused_by_name(params: dict[str, object], named: str) -> None:
    """Nothing is redriven by a misunderstanding."""
    with pytest.raises(ConfigurationError, match=named):
        DeadLetterRedriveOperator(task_id="redrive").execute({"params": params})  # type: ignore[typeddict-item]


@pytest.mark.parametrize("empty", [None, "", "  "], ids=repr)
def test_a_field_that_was_left_empty_means_all(empty: str | None) -> None:
    """However the form or the command line writes nothing, and without a word it is a dry run."""
    form = filled(RedriveForm, {"stream": "logs", "reason": empty, "batch_id": empty})
    assert form == RedriveForm(stream="logs", dry_run=True)


def test_the_form_and_what_is_taken_from_it_are_the_same() -> None:
    """The form's own defaults are a run that may be asked for, and it has every field."""
    params = {name: param.resolve() for name, param in REDRIVE_PARAMETERS.items()}
    assert filled(RedriveForm, params) == RedriveForm(stream="logs")
    assert set(params) == set(RedriveForm.model_fields)
