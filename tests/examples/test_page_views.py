"""The example of `docs/add-a-stream.md`: laid beside the others it is a stream like them, and it is small."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from include import streams
from include.adapters.kinesis_memory import InMemoryStream
from include.adapters.object_store import InMemoryObjectStore
from include.alerts.settings import AlertSettings
from include.alerts.store_memory import InMemoryAlertStore
from include.drain.buffer import BufferHints
from include.drain.drain import DrainRequest, drain
from include.drain.read_shard import ShardSource
from include.ledger.memory import InMemoryLedger
from include.process.alert_stage import alert_pending
from include.process.audit_stage import QualityDesk, audit_pending
from include.process.validate_stage import validate_pending
from include.process.work import Workplace
from include.simulator.record import VALID, GeneratorOptions, SimulatedRecord
from include.simulator.registry import simulation

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "page_views"
NAME = "page_views"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SHARD = "shardId-000000000000"


@pytest.fixture(autouse=True)
def _laid_beside(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the example's folder be one of those in which streams are found, as if it were copied there."""
    monkeypatch.setattr(streams, "__path__", [*streams.__path__, str(EXAMPLE / "include" / "streams")])
    yield
    streams.get.cache_clear()


def made(count: int) -> list[SimulatedRecord]:
    """Return so many made-up page views of a minute, a tenth of them broken."""
    generator = simulation(NAME).generator(GeneratorOptions(seed=3, malformed_rate=0.1))
    generator.records(1, NOW - timedelta(minutes=1))
    return generator.records(count, NOW)


def test_it_is_found_by_its_name() -> None:
    """Nothing else has to be told of it."""
    assert NAME in streams.names()
    assert streams.get(NAME).name == NAME


def test_its_model_takes_what_is_sound_and_nothing_else() -> None:
    """Of a thousand made-up views."""
    model = streams.get(NAME).model
    for record in made(1_000):
        if record.kind == VALID:
            model.model_validate_json(record.data)
        else:
            with pytest.raises(ValidationError):
                model.model_validate_json(record.data)


def test_a_record_goes_the_whole_way() -> None:
    """Drained, validated, alerted with a group for the page that breaks, audited and published."""
    source, store, ledger, alerts = InMemoryStream(NAME), InMemoryObjectStore(), InMemoryLedger(), InMemoryAlertStore()
    records = [record for record in made(400) if len(record.data) < 10_000]
    for record in records:
        source.put(SHARD, record.data, NOW)
    shards = ShardSource(NAME, NAME, source, lambda: NOW, lambda _: None)
    drain(shards, store, ledger, DrainRequest("run", BufferHints()))
    place = Workplace(streams.get(NAME), store, ledger, "run", lambda: NOW)
    sound = sum(record.kind == VALID for record in records)
    told = sum(record.alertable for record in records)
    assert 0 < told < sound < len(records)
    assert validate_pending(place).counts == {
        "records": len(records),
        "valid": sound,
        "dead_lettered": len(records) - sound,
    }
    counts = alert_pending(place, alerts, AlertSettings(), "http://run").counts
    assert counts == {"alertable": told, "filtered": sound - told}
    assert [(group.title, group.count) for group in alerts.groups()] == [("/cart is broken", told)]
    assert audit_pending(place, QualityDesk(alerts, AlertSettings(), "http://run")).counts == {
        "published": 1,
        "quarantined": 0,
    }


def test_its_dag_file_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is scheduled once `CALI_STREAMS` names the stream."""
    from tests.plugins import airflow_home

    airflow_home.enter()
    monkeypatch.setenv("CALI_STREAMS", f"logs {NAME}")
    from airflow.dag_processing.dagbag import DagBag

    bag: Any = DagBag(EXAMPLE / "dags")
    assert (bag.import_errors, sorted(bag.dags)) == ({}, [f"{NAME}_drain", f"{NAME}_process"])
    assert bag.dags[f"{NAME}_drain"].schedule is not None


def test_it_is_small() -> None:
    """At most 120 lines in all and 20 of them in the DAG file; the guide says how many."""
    counts = {path.name: len(path.read_text().splitlines()) for path in EXAMPLE.rglob("*.py")}
    assert counts[f"{NAME}.py"] <= 20
    assert sum(counts.values()) <= 120
    guide = (ROOT / "docs" / "add-a-stream.md").read_text()
    assert f"{sum(counts.values())} lines" in guide
    assert f"{counts[f'{NAME}.py']} of them" in guide
