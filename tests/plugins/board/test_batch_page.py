"""A batch's page inside Airflow: who sees it, and that what a record holds is only ever text."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import HTTPException

from cali import batches
from include import streams
from include.adapters.kinesis_memory import InMemoryStream
from include.adapters.object_store import S3ObjectStore
from include.alerts.settings import AlertSettings
from include.drain.buffer import BufferHints
from include.drain.drain import DrainRequest, drain
from include.drain.read_shard import ShardSource
from include.ledger.postgres import PostgresLedger, connected
from include.process.validate_stage import validate_pending
from include.process.work import Workplace
from include.records import utc_now

if TYPE_CHECKING:
    from tests.plugins.board.conftest import Site

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1800)]

SHARD = "shardId-000000000000"


@pytest.fixture
def drained(site: Site, s3_client: Any) -> tuple[Site, str, str]:
    """Return the pages' site, a validated batch's id, and the sequence number of a record that means ill."""
    if not any(bucket["Name"] == "cali" for bucket in s3_client.list_buckets()["Buckets"]):
        s3_client.create_bucket(Bucket="cali")
    store, ledger, stream = S3ObjectStore(s3_client, "cali"), PostgresLedger(site.connection), InMemoryStream("logs")
    event = {
        "event_id": "7d1f2c1e-0d5c-4a57-9a3e-000000000001",
        "timestamp": utc_now().isoformat(),
        "level": "ERROR",
        "service": "cart",
        "message": "<script>alert(1)</script> password=hunter22",
        "log_content": "ERROR",
        "pod": "cart-1",
        "version": "1.0",
    }
    number = stream.put(SHARD, json.dumps(event).encode(), utc_now())
    source = ShardSource("logs", "logs", stream, utc_now, lambda _: None)
    drain(source, store, ledger, DrainRequest("run", BufferHints()))
    validate_pending(Workplace(streams.get("logs"), store, ledger, "run", utc_now))
    (batch_id,) = site.connection.execute("select batch_id from cali.micro_batches").fetchone() or ("",)
    return replace(site, board=batches.PREFIX), batch_id, number


def test_who_is_not_logged_in_gets_nothing(drained: tuple[Site, str, str]) -> None:
    """Neither the page nor its style."""
    pages, batch_id, _ = drained
    for path in (f"/{batch_id}", "/batch.css", "/nothing"):
        assert pages.ask("GET", path).status_code == 401
        assert pages.ask("GET", path, headers={"Cookie": "_token=rubbish"}).status_code in {401, 403}


@pytest.mark.parametrize("user", ["admin", "op", "guest"])
def test_who_may_read_dags_sees_a_batch_and_a_record(drained: tuple[Site, str, str], user: str) -> None:
    """What a producer wrote is text on the page, without its secret, and every answer keeps the browser here."""
    pages, batch_id, number = drained
    answer = pages.ask("GET", f"/{batch_id}", user, params={"record": number, "sub": "0"})
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert batch_id in answer.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; password=****" in answer.text
    assert "<script>" not in answer.text
    assert "hunter22" not in answer.text
    assert pages.ask("GET", "/batch.css", user).headers["content-type"].startswith("text/css")


def test_what_there_is_not_is_said(drained: tuple[Site, str, str]) -> None:
    """An unknown batch is 404, an unknown record a sentence, and rubbish is refused."""
    pages, batch_id, _ = drained
    assert pages.ask("GET", "/logs-of-long-ago", "admin").status_code == 404
    assert "No object of this batch holds it" in pages.ask("GET", f"/{batch_id}?record=1", "admin").text
    for query in ("record=1&sub=x", "record=1&sub=-1", f"record={'1' * 129}"):
        assert pages.ask("GET", f"/{batch_id}?{query}", "admin").status_code == 422


def test_a_messages_links_lead_there(drained: tuple[Site, str, str]) -> None:
    """Without settings of the user's, a batch and a record have their page."""
    pages, batch_id, number = drained
    links = AlertSettings().linked_to(f"{pages.address}/").links
    assert links.batch is not None
    assert links.record is not None
    assert links.batch.format(batch_id=batch_id) == f"{pages.address}{batches.PREFIX}/{batch_id}"
    record = links.record.format(batch_id=batch_id, sequence_number=number, sub_sequence=0)
    here = record.removeprefix(f"{pages.address}{batches.PREFIX}")
    assert "What looks like a secret is hidden here" in pages.ask("GET", here, "guest").text


def test_who_may_not_see_a_stream_learns_nothing_of_its_batches(
    drained: tuple[Site, str, str], cali_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow is asked about the DAG that processes the stream; a no looks like a batch that never was."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Airflow's own imports say
        from cali.batches import app

    _, batch_id, _ = drained
    asked = []

    class Strict:
        def is_authorized_dag(self, **question: Any) -> bool:
            asked.append((question["method"], question["details"].id))
            return False

    monkeypatch.setattr(app, "get_auth_manager", Strict)
    monkeypatch.setattr(app, "database", lambda: connected(cali_uri))
    refusals = []
    for each in (batch_id, "logs-of-long-ago"):
        with pytest.raises(HTTPException) as refused:
            app.batch_page(each, user=object())  # type: ignore[arg-type]
        refusals.append((refused.value.status_code, refused.value.detail))
    assert refusals[0] == refusals[1]
    assert asked == [("GET", "logs_process")]
