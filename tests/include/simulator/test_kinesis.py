"""The Kinesis sink puts each record once, retries what was refused and journals what was accepted."""

import io
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from include.errors import ConfigurationError
from include.simulator.journal import Journal, JournalEntry, entry, read
from include.simulator.kinesis import CALL_BYTES, CALL_RECORDS, CLIENT_CONFIG, KinesisSink, calls, connect
from include.simulator.progress import Progress
from include.simulator.record import SimulatedRecord

URL = "http://127.0.0.1:1"


def record(number: int, size: int = 10) -> SimulatedRecord:
    """A record that can be told from all others."""
    data = f"{number:010}".encode() + b"x" * (size - 10)
    return SimulatedRecord(data, f"key-{number}", "valid", alertable=False, scenario=None, event_id=str(number))


def refusal(code: str, status: int = 400) -> ClientError:
    """Kinesis' answer to a call that it did not take."""
    answer = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "PutRecords")  # type: ignore[arg-type]


class FakeKinesis:
    """Accepts records in memory; ``fault`` may raise, or refuse a record by returning an error code."""

    def __init__(self, fault: Callable[[int, bytes], str | None] = lambda *_: None) -> None:
        self.stored: list[tuple[str, bytes, str]] = []
        self.calls: list[list[bytes]] = []
        self._fault = fault

    def put_records(self, *, StreamName: str, Records: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        """Answer as the service does, in the order of the request."""
        assert StreamName == "logs"
        self.calls.append([one["Data"] for one in Records])
        answers: list[dict[str, str]] = []
        for one in Records:
            if code := self._fault(len(self.calls), one["Data"]):
                answers.append({"ErrorCode": code, "ErrorMessage": "slow down"})
                continue
            self.stored.append((str(len(self.stored)), one["Data"], one["PartitionKey"]))
            answers.append({"ShardId": "shardId-0", "SequenceNumber": str(len(self.stored) - 1)})
        return {"FailedRecordCount": sum("ErrorCode" in one for one in answers), "Records": answers}


class Run:
    """A sink with its surroundings; it is told to stop after ``pauses`` pauses."""

    def __init__(self, path: Path, kinesis: FakeKinesis, pauses: int = 100) -> None:
        self.paused: list[float] = []
        self.progress = Progress(io.StringIO(), lambda: 0.0)
        self.path = path
        self.journal = Journal(path)
        self._pauses = pauses
        self._now = 0.0
        self.sink = KinesisSink(
            kinesis,  # type: ignore[arg-type]
            "logs",
            self.journal,
            self.progress,
            self._wait,
            self._clock,
            Random(1),
        )

    def _wait(self, seconds: float) -> bool:
        if seconds:
            self.paused.append(seconds)
        return len(self.paused) > self._pauses

    def _clock(self) -> float:
        self._now += 1
        return self._now

    def put(self, *batches: list[SimulatedRecord]) -> list[JournalEntry]:
        """Put the batches one after another and return what the journal holds then."""
        with self.journal:
            for batch in batches:
                self.sink.put(batch)
        return list(read(self.path))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal goes."""
    return tmp_path / "journal.ndjson"


def test_accepted_records_are_journaled_with_their_place(path: Path) -> None:
    """Order, shard, sequence number and the time just before the call."""
    kinesis = FakeKinesis()
    run = Run(path, kinesis)
    records = [record(number) for number in range(3)]
    journal = run.put(records)
    assert [data for _, data, _ in kinesis.stored] == [one.data for one in records]
    assert journal == [entry(one, 1.0, ("shardId-0", str(n))) for n, one in enumerate(records)]
    assert (run.progress.put, run.progress.retried, run.paused) == (3, 0, [])


def test_of_a_partial_failure_only_the_refused_records_are_put_again(path: Path) -> None:
    """The accepted ones are not doubled, the refused ones not lost."""
    records = [record(number) for number in range(10)]

    def every_third(call: int, data: bytes) -> str | None:
        throttled = int(data) % 3 == 0 and call <= 2
        return "ProvisionedThroughputExceededException" if throttled else None

    kinesis = FakeKinesis(every_third)
    run = Run(path, kinesis)
    journal = run.put(records)
    refused = [one.data for number, one in enumerate(records) if number % 3 == 0]
    assert kinesis.calls == [[one.data for one in records], refused, refused]
    assert sorted(data for _, data, _ in kinesis.stored) == [one.data for one in records]
    assert {(e.sequence_number, e.sha256, e.put_at) for e in journal} == {
        (sequence, entry(record(int(data)), 0, None).sha256, 1.0 if int(data) % 3 else 3.0)
        for sequence, data, _ in kinesis.stored
    }
    assert (run.progress.put, run.progress.retried) == (10, 8)


@settings(deadline=None)
@given(st.data())
def test_whatever_is_refused_and_how_often_each_record_is_put_once(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Conservation: stored, journaled and given are the same records."""
    failures = data.draw(st.lists(st.sampled_from(["", "InternalFailure", "call", "away"]), max_size=12))

    def fault(call: int, content: bytes) -> str | None:
        kind = failures[call - 1] if call <= len(failures) else ""
        if kind == "call":
            raise refusal("ProvisionedThroughputExceededException")
        if kind == "away":
            raise EndpointConnectionError(endpoint_url=URL)
        return kind if kind and int(content) % 2 else None

    kinesis = FakeKinesis(fault)
    run = Run(tmp_path_factory.mktemp("journal") / "journal.ndjson", kinesis)
    records = [record(number) for number in range(6)]
    journal = run.put(records)
    assert sorted(content for _, content, _ in kinesis.stored) == [one.data for one in records]
    assert sorted(e.event_id or "" for e in journal) == [str(number) for number in range(6)]
    assert {e.sequence_number for e in journal} == {sequence for sequence, _, _ in kinesis.stored}


@pytest.mark.parametrize(
    "lost",
    [
        ReadTimeoutError(endpoint_url=URL),
        ConnectionClosedError(endpoint_url=URL),
        refusal("InternalFailure", 500),
    ],
    ids=["time-out", "closed", "internal failure"],
)
def test_records_whose_answer_was_lost_are_uncertain_and_not_put_again(path: Path, lost: Exception) -> None:
    """A second put is how a producer doubles records."""

    def fault(call: int, _: bytes) -> str | None:
        if call == 1:
            raise lost
        return None

    kinesis = FakeKinesis(fault)
    run = Run(path, kinesis)
    journal = run.put([record(1), record(2)], [record(3)])
    expected = [entry(record(1), 1.0, None), entry(record(2), 1.0, None), entry(record(3), 2.0, ("shardId-0", "0"))]
    assert journal == expected
    assert kinesis.calls == [[record(1).data, record(2).data], [record(3).data]]
    assert (run.progress.put, run.progress.uncertain, run.paused) == (1, 2, [])


def test_while_the_server_is_away_the_pauses_grow_up_to_a_bound(path: Path) -> None:
    """No busy loop, and no record given up."""

    def fault(call: int, _: bytes) -> str | None:
        if call <= 20:
            raise EndpointConnectionError(endpoint_url=URL)
        return None

    run = Run(path, FakeKinesis(fault))
    assert len(run.put([record(1)])) == 1
    assert len(run.paused) == 20
    assert max(run.paused[:3]) < max(run.paused) <= 5.0


def test_told_to_stop_it_gives_up_what_was_refused_and_journals_none_of_it(path: Path) -> None:
    """What Kinesis never took is in no journal."""

    def fault(call: int, _: bytes) -> str | None:
        if call > 1:
            raise EndpointConnectionError(endpoint_url=URL)
        return None

    run = Run(path, FakeKinesis(fault), pauses=2)
    assert len(run.put([record(number) for number in range(1_200)])) == CALL_RECORDS
    assert run.progress.put == CALL_RECORDS


@pytest.mark.parametrize(
    "error", [refusal("ResourceNotFoundException"), refusal("AccessDeniedException"), NoCredentialsError()]
)
def test_what_waiting_cannot_help_ends_the_run(path: Path, error: Exception) -> None:
    """A missing stream or credential is told, not retried for ever."""

    def fault(_: int, __: bytes) -> str | None:
        raise error

    run = Run(path, FakeKinesis(fault))
    with pytest.raises(ConfigurationError):
        run.put([record(1)])
    assert list(read(path)) == []


def test_a_stream_that_is_missing_for_a_moment_is_waited_for(path: Path) -> None:
    """A server that has just started has yet to create it."""

    def fault(call: int, _: bytes) -> str | None:
        if call <= 20:
            raise refusal("ResourceNotFoundException")
        return None

    assert len(Run(path, FakeKinesis(fault)).put([record(1)])) == 1


@settings(deadline=None)
@given(st.lists(st.sampled_from([10, 700, 200_000, 1_048_000]), max_size=60))
def test_calls_keep_order_and_both_limits_and_are_as_few_as_a_row_allows(sizes: list[int]) -> None:
    """500 records, 5 MiB with the keys; a group closes only when the next record does not fit."""
    records = [record(number, size) for number, size in enumerate(sizes)]
    groups = list(calls(records))
    assert [one for group in groups for one in group] == records

    def weight(group: list[SimulatedRecord]) -> int:
        return sum(len(one.data) + len(one.partition_key) for one in group)

    assert all(0 < len(group) <= CALL_RECORDS and weight(group) <= CALL_BYTES for group in groups)
    assert all(weight(group) + weight(following[:1]) > CALL_BYTES for group, following in pairwise(groups))


def test_a_call_takes_500_records() -> None:
    """The service refuses 501."""
    assert [len(group) for group in calls([record(number) for number in range(1_001)])] == [500, 500, 1]


def test_the_client_makes_one_attempt_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """A retry inside botocore would put records whose acceptance is unknown."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "7")
    assert CLIENT_CONFIG.retries == {"total_max_attempts": 1}
    assert connect().meta.config.retries["total_max_attempts"] == 1  # type: ignore[index]


def test_an_environment_without_a_region_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The message names the variables to set."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(ConfigurationError, match="AWS_REGION"):
        connect()
