"""The main job on real servers with real Airflow: from the stream to S3 and Slack, by hand, and at rest."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from slack_sdk import WebClient

from include.keys import Room
from include.parquet import from_parquet
from include.proof.compare import VALID
from include.records import utc_now
from local import stack
from local.environment import slack
from tests.eventually import eventually
from tests.stack.running_stack import PROVED, STREAM, RunningStack

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from include.simulator.journal import JournalEntry

pytestmark = [pytest.mark.integration, pytest.mark.stack, pytest.mark.timeout(1800)]

# -- the main job ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """What could be seen from outside once all that was put had been worked off."""

    journal: Sequence[JournalEntry]
    verdict: Mapping[str, object]
    letters: Sequence[Mapping[str, Any]]
    counted_reasons: Mapping[str, int]
    clean: Mapping[str, int]
    published: Mapping[str, int]
    shown: Mapping[tuple[str, str], int]
    told: Mapping[tuple[str, str], int]
    audited: AbstractSet[str]
    results: Mapping[str, str | None]
    pages: AbstractSet[str]


@pytest.fixture(scope="module")
def outcome(started_stack: RunningStack) -> Outcome:
    """Put records for some seconds, wait until the last is processed and the last message sent, and look around."""
    stack.up(lambda _: None, started_stack.environment)
    began = utc_now()
    started_stack.put(seed=1, seconds=8)
    started_stack.settle()
    started_stack.settle_messages()
    rows = started_stack.rows
    reasons = rows("select reason, sum(records)::int as records from cali.dead_letters group by reason")
    published = rows("select batch_id, valid from cali.micro_batches where state = 'published' and valid > 0")
    groups = rows("select * from cali.alert_groups where updated_at >= %(began)s", began=began)
    audited = rows("select batch_id from cali.micro_batches where audited_at is not null")
    results = rows("select batch_id, docs_key from cali.quality_results")
    return Outcome(
        journal=started_stack.journal,
        verdict=started_stack.verdict(),
        letters=_dead_letters(started_stack),
        counted_reasons={row["reason"]: row["records"] for row in reasons},
        clean=_clean_counts(started_stack),
        published={row["batch_id"]: row["valid"] for row in published},
        shown=_shown_counts(started_stack, {group["slack_channel"] for group in groups}),
        told={(group["slack_channel"], group["slack_ts"]): group["count"] for group in groups},
        audited={row["batch_id"] for row in audited},
        results={row["batch_id"]: row["docs_key"] for row in results},
        pages=set(started_stack.store.keys(f"{Room.QUALITY}/stream={STREAM}/")),
    )


def test_every_record_arrives_once_and_every_batch_adds_up(outcome: Outcome) -> None:
    """What the producer's journal says was put is on S3, record by record, and the ledger's counts agree."""
    assert outcome.verdict == PROVED


def test_every_malformed_record_is_a_dead_letter(outcome: Outcome) -> None:
    """Each is kept byte for byte with its origin and the reason, and the ledger counts the same reasons."""
    malformed = [entry for entry in outcome.journal if entry.kind != VALID]
    expected = {(entry.shard_id, entry.sequence_number): entry.sha256 for entry in malformed}
    kept = {
        (row["_shard_id"], row["_sequence_number"]): sha256(row["data"]).hexdigest()
        for row in outcome.letters
        if row["stage"] and row["reason"] and row["message"]
    }
    assert expected
    assert kept == expected
    assert Counter(row["reason"] for row in outcome.letters) == outcome.counted_reasons


def test_published_events_are_one_line_of_sql_away(outcome: Outcome) -> None:
    """DuckDB reads `clean/` by one glob and finds of each published batch what the ledger says, and no other batch."""
    assert outcome.published
    assert outcome.clean == outcome.published


def test_each_group_has_one_message_that_shows_its_count(outcome: Outcome) -> None:
    """What Slack's own API returns for a group's message is the ledger's count, however often it was edited."""
    assert outcome.told
    assert {place: outcome.shown.get(place) for place in outcome.told} == outcome.told


def test_each_audited_batch_has_its_result_and_the_pages_lie_on_s3(outcome: Outcome) -> None:
    """No verdict without a row, no row without a verdict, and every page that a row names is there."""
    named = {key for key in outcome.results.values() if key}
    assert named
    assert set(outcome.results) == outcome.audited
    assert outcome.pages == named


def _dead_letters(running_stack: RunningStack) -> list[dict[str, Any]]:
    keys = running_stack.store.keys(f"{Room.DLQ}/stream={STREAM}/")
    return [row for key in keys for row in from_parquet(running_stack.store.get(key)).to_pylist()]


def _clean_counts(running_stack: RunningStack) -> dict[str, int]:
    import duckdb

    objects = f"{running_stack.buckets}/clean/**/*.parquet"
    with duckdb.connect() as connection:
        line = "from read_parquet($objects, hive_partitioning=true) select _batch_id, count(*) group by all"
        return dict(connection.execute(line, {"objects": objects}).fetchall())


def _shown_counts(running_stack: RunningStack, channels: AbstractSet[str]) -> dict[tuple[str, str], int]:
    client = WebClient(running_stack.settings.secrets.slack_token, base_url=slack(running_stack.settings).api)
    return {
        (channel, message["ts"]): _count_in(message)
        for channel in channels
        for page in client.conversations_history(channel=channel, limit=200)
        for message in page["messages"]
    }


def _count_in(message: Mapping[str, Any]) -> int:
    fields = [field["text"] for block in message["blocks"] for field in block.get("fields", ())]
    (count,) = [text.split("\n")[1] for text in fields if text.startswith(("*Records*", "*Batches*"))]
    return int(count.replace(",", ""))


# -- by hand -----------------------------------------------------------------------------------------------------------


def test_what_came_while_the_drain_was_paused_arrives_afterwards(running_stack: RunningStack) -> None:
    """A pause drains nothing and loses nothing."""
    _wait_until_idle(running_stack)
    running_stack.airflow.pause("logs_drain", paused=True)
    try:
        drained = running_stack.counts()["drained"]
        running_stack.put(seed=7, seconds=3)
        assert running_stack.counts()["drained"] == drained
    finally:
        running_stack.airflow.pause("logs_drain", paused=False)
    running_stack.settle()
    assert running_stack.verdict() == PROVED


def test_a_drain_by_hand_takes_the_bite_it_was_told(running_stack: RunningStack) -> None:
    """`airflow dags trigger logs_drain --conf` bounds that run's batches, and only that run's."""
    before = _manual_runs(running_stack)
    with running_stack.simulating(seed=8, rate=300):
        command = ["dags", "trigger", "logs_drain", "--conf", '{"max_records": 20}']
        assert stack.airflow(command, running_stack.environment) == 0
        (run_id,) = _manual_runs(running_stack) - before
        assert running_stack.airflow.wait_for_run("logs_drain", run_id) == "success"
    running_stack.settle()
    of_run = "select records from cali.micro_batches where run_id = %(run_id)s"
    assert {row["records"] for row in running_stack.rows(of_run, run_id=run_id)} == {20}
    assert running_stack.verdict() == PROVED


def test_processing_by_hand_with_nothing_waiting_changes_nothing(running_stack: RunningStack) -> None:
    """The run succeeds, and the ledger is what it was."""
    running_stack.put(seed=9, seconds=1)
    running_stack.settle()
    running_stack.settle_messages()
    before = _ledger(running_stack)
    run_id = running_stack.airflow.trigger("logs_process")
    assert running_stack.airflow.wait_for_run("logs_process", run_id) == "success"
    assert _ledger(running_stack) == before


@pytest.mark.parametrize(
    ("conf", "reason"),
    [
        ({"max_records": 0}, "max_records: 0 is less than the minimum of 1"),
        ({"max_records": "many"}, "max_records: 'many' is not of type 'null', 'integer'"),
        ({"from_timestamp": "yesterday"}, "from_timestamp: 'yesterday' does not match"),
    ],
)
def test_a_drain_by_hand_with_a_wrong_value_is_refused(
    running_stack: RunningStack, conf: dict[str, object], reason: str
) -> None:
    """No run is made, and the answer names the parameter, the value and the rule."""
    before = _manual_runs(running_stack)
    answer = running_stack.airflow.call("POST", "dags/logs_drain/dagRuns", {"logical_date": None, "conf": conf})
    assert (answer.status_code, reason in answer.json()["detail"]) == (400, True), answer.text
    assert _manual_runs(running_stack) == before


def _manual_runs(running_stack: RunningStack) -> set[str]:
    runs = running_stack.airflow.get("dags/logs_drain/dagRuns", run_type=["manual"], limit=100)
    return {run["dag_run_id"] for run in runs["dag_runs"]}


def _ledger(running_stack: RunningStack) -> dict[str, object]:
    tables = ("shard_checkpoints", "micro_batches", "batch_stages", "dead_letters", "quality_results", "alert_groups")
    return {table: sorted(map(str, running_stack.rows(f"table cali.{table}"))) for table in tables}


# -- at rest -----------------------------------------------------------------------------------------------------------


def test_an_idle_stream_holds_no_worker_slot(running_stack: RunningStack) -> None:
    """The drain waits in the triggerer: its task is deferred and nothing runs."""
    _wait_until_idle(running_stack)
    (task,) = running_stack.airflow.tasks("~", "~", "deferred")
    assert (task["dag_id"], task["task_id"]) == ("logs_drain", "drain")


def _wait_until_idle(running_stack: RunningStack) -> None:
    def slots() -> dict[str, int]:
        pool = running_stack.airflow.get("pools/default_pool")
        return {name: pool[name] for name in ("occupied_slots", "deferred_slots")}

    running_stack.settle()
    eventually(lambda: slots() == {"occupied_slots": 0, "deferred_slots": 1}, 120, slots)


@pytest.mark.parametrize("token", [None, "guessed"])
def test_nobody_uses_airflow_without_a_login(running_stack: RunningStack, token: str | None) -> None:
    """Reading and triggering are both refused, without a token and with a wrong one."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    calls = {"GET": ("dags", "connections", "config", "dags/logs_drain"), "POST": ("dags/logs_drain/dagRuns",)}
    calls["PATCH"] = ("dags/logs_drain",)
    with httpx.Client(base_url=f"{running_stack.airflow.url}/api/v2/", headers=headers, trust_env=False) as client:
        answers = {client.request(method, path).status_code for method, paths in calls.items() for path in paths}
    assert answers <= {401, 403}
