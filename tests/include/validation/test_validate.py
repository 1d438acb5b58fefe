"""Validation: each record is staged or dead-lettered, with its bytes and its origin."""

import gc
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include import streams
from include.drain.raw_batch import RAW_SCHEMA
from include.parquet import from_parquet, to_parquet
from include.validation.validate import Origin, Validation, validate

NOW = datetime(2026, 2, 28, 23, 59, tzinfo=UTC)
ORIGIN = Origin("logs", "logs-shardId-000000000000-abc", "shardId-000000000000")


def event(**changes: object) -> bytes:
    """Return a valid log event."""
    fields = {
        "event_id": "7d1f2c1e-0d5c-4a57-9a3e-2f6f0f1d9b11",
        "timestamp": NOW.isoformat(),
        "level": "INFO",
        "service": "cart",
        "message": "added",
        "log_content": "INFO added",
        "pod": "cart-1",
        "version": "1.0",
    }
    return json.dumps(fields | changes).encode()


def raw(payloads: Sequence[bytes], arrived_at: datetime = NOW, errors: Sequence[str | None] = ()) -> pa.Table:
    """Return a raw table; without errors, all could be decoded."""
    return pa.table(
        {
            "sequence_number": [str(number) for number in range(len(payloads))],
            "sub_sequence": [0] * len(payloads),
            "partition_key": ["key"] * len(payloads),
            "arrived_at": [arrived_at] * len(payloads),
            "data": list(payloads),
            "decode_error": list(errors) or [None] * len(payloads),
        },
        schema=RAW_SCHEMA,
    )


def judge(payloads: Sequence[bytes], arrived_at: datetime = NOW) -> Validation:
    """Validate payloads that arrived together."""
    return validate(streams.get("logs"), raw(payloads, arrived_at), ORIGIN)


def test_a_valid_record_is_staged_with_its_lineage() -> None:
    """A staged row names its stream, batch, shard, sequence and arrival."""
    (row,) = judge([event()]).staged.to_pylist()
    lineage = {key: value for key, value in row.items() if key.startswith("_")}
    assert lineage == {
        "_stream": "logs",
        "_batch_id": ORIGIN.batch_id,
        "_shard_id": ORIGIN.shard_id,
        "_sequence_number": "0",
        "_sub_sequence": 0,
        "_arrived_at": NOW,
    }
    assert (row["service"], row["timestamp"]) == ("cart", NOW)


def test_unknown_fields_are_kept() -> None:
    """What the model does not know goes along as JSON."""
    (row,) = judge([event(region="eu")]).staged.to_pylist()
    assert json.loads(row["extra"]) == {"region": "eu"}


@pytest.mark.parametrize(
    ("data", "reason", "path"),
    [
        (b"", "json_invalid", ""),
        (b"{", "json_invalid", ""),
        (event() + b" trailing", "json_invalid", ""),
        (b"\xff\xfe", "json_invalid", ""),
        (b"[]", "model_type", ""),
        (b"{}", "missing", "event_id"),
        (event(level="error"), "literal_error", "level"),
        (event(message=17), "string_type", "message"),
        (event(timestamp="2026-02-28T12:00:00"), "timezone_aware", "timestamp"),
        (event(timestamp="1970-01-01T00:00:00Z"), "greater_than_equal", "timestamp"),
    ],
)
def test_a_bad_record_is_dead_lettered_byte_exact_with_its_reason(data: bytes, reason: str, path: str) -> None:
    """Each kind of bad record has a reason of its own and keeps its bytes."""
    (row,) = judge([data]).dead.to_pylist()
    assert (row["data"], row["stage"], row["reason"], row["path"]) == (data, "validate", reason, path)


def test_a_message_never_quotes_the_record() -> None:
    """What a bad record held does not reach the ledger or a log."""
    (row,) = judge([event(level="4111 1111 1111 1111")]).dead.to_pylist()
    assert "4111" not in row["message"]


@pytest.mark.parametrize(
    ("shift", "staged"),
    [
        (timedelta(0), 1),
        (timedelta(minutes=59), 1),
        (timedelta(hours=1, seconds=1), 0),
        (timedelta(days=-7), 1),
        (timedelta(days=-7, seconds=-1), 0),
    ],
)
def test_an_event_time_absurd_next_to_its_arrival_is_a_dead_letter(shift: timedelta, staged: int) -> None:
    """A week late and an hour ahead are the bounds."""
    result = judge([event(timestamp=(NOW + shift).isoformat())])
    assert (result.staged.num_rows, result.dead.num_rows) == (staged, 1 - staged)
    assert set(result.dead.column("reason").to_pylist()) <= {"event_time_outside_window"}


def test_an_event_in_another_zone_is_the_same_instant() -> None:
    """A zone is a way of writing, not another time."""
    (row,) = judge([event(timestamp="2026-03-01T08:59:00+09:00")]).staged.to_pylist()
    assert row["timestamp"] == NOW


def test_broken_records_side_by_side_do_not_join_into_sound_ones() -> None:
    """Two halves of an array of two events are two dead letters."""
    halves = [event() + b',{"level":"INFO"', b'"x":1}']
    assert judge(halves).dead.num_rows == 2


def test_one_poison_record_does_not_take_its_batch_down() -> None:
    """The others of its batch are staged."""
    poison = b"[" * 100_000
    result = judge([event(), poison, event()])
    assert (result.staged.num_rows, result.dead.column("data").to_pylist()) == (2, [poison])


def test_dead_letters_are_counted_by_reason() -> None:
    """A group of dead letters has a count and the first message as its sample."""
    groups = judge([b"{}", event(), b"{}", b"x"]).dead_letter_groups()
    assert {(group.reason, group.records) for group in groups} == {("missing", 2), ("json_invalid", 1)}


def test_a_record_that_could_not_be_decoded_is_a_dead_letter_of_the_decode_stage() -> None:
    """It keeps its bytes, the drain's reason and its place, even where the bytes look sound, and stops no neighbour."""
    payloads = [b"\x1f\x8b cut", event(), event(service="other"), b"{}"]
    table = raw(payloads, errors=["gzip_truncated", None, "of_another_release", None])
    result = validate(streams.get("logs"), table, ORIGIN)
    assert result.staged.num_rows == 1
    dead = [(row["_sequence_number"], row["data"], row["stage"], row["reason"]) for row in result.dead.to_pylist()]
    assert dead == [
        ("0", payloads[0], "decode", "gzip_truncated"),
        ("2", payloads[2], "decode", "of_another_release"),
        ("3", payloads[3], "validate", "missing"),
    ]
    assert {(group.stage, group.reason, group.records) for group in result.dead_letter_groups()} == {
        ("decode", "gzip_truncated", 1),
        ("decode", "of_another_release", 1),
        ("validate", "missing", 1),
    }


def test_an_object_from_before_decoding_is_read_as_if_all_could_be_decoded() -> None:
    """Raw objects of older releases have no column for decode errors."""
    older = from_parquet(to_parquet(raw([event(), b"{}"]).drop_columns(["decode_error"])))
    result = validate(streams.get("logs"), older, ORIGIN)
    assert (result.staged.num_rows, result.dead.num_rows) == (1, 1)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.just(event()),
            st.builds(lambda data, cut: data[:cut], st.just(event(level="ERROR")), st.integers(0, 300)),
            st.dictionaries(st.text(), st.text() | st.integers() | st.none()).map(lambda value: event(**value)),
        ),
        max_size=12,
    )
)
def test_read_is_valid_plus_dead_lettered_and_every_rejected_byte_string_is_kept(payloads: list[bytes]) -> None:
    """Each record is in exactly one of the two tables, and dead letters hold their own bytes."""
    result = judge(payloads)
    staged = [int(number) for number in result.staged.column("_sequence_number").to_pylist()]
    dead = {int(row["_sequence_number"]): row["data"] for row in result.dead.to_pylist()}
    assert sorted([*staged, *dead]) == list(range(len(payloads)))
    assert dead == {number: payloads[number] for number in dead}


@pytest.mark.parametrize("switch", [gc.enable, gc.disable])
def test_the_garbage_collector_is_left_as_it_was(switch: Callable[[], None]) -> None:
    """Also when a batch cannot be judged; while events are made it does not run."""
    seen: list[bool] = []

    def to_columns(_: Sequence[object]) -> dict[str, list[object]]:
        seen.append(gc.isenabled())
        raise OSError("away")

    before, stream = gc.isenabled(), replace(streams.get("logs"), to_columns=to_columns)
    switch()
    try:
        asked = gc.isenabled()
        with pytest.raises(OSError, match="away"):
            validate(stream, raw([event()]), ORIGIN)
        assert (gc.isenabled(), seen) == (asked, [False])
    finally:
        (gc.enable if before else gc.disable)()
