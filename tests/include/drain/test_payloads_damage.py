"""Payloads that cannot be opened: kept whole, named, and no harm to their neighbours or to memory."""

import json
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include import streams
from include.drain.payloads import undecodable
from include.drain.payloads import unpack as unpacking
from include.drain.payloads.mode import Payloads
from include.drain.payloads.undecodable import Reason, explanation
from include.drain.payloads.unpack import unpack
from include.drain.raw_batch import RAW_SCHEMA, raw_batch
from include.parquet import from_parquet
from include.validation.validate import Origin, validate
from tests.include.drain.packing import (
    KPL_MAGIC,
    NOW,
    aggregate,
    bytes_field,
    cloudwatch,
    gzipped,
    number_field,
    record,
    sealed,
    user_record,
    zstd,
)

ONE, TWO = b'{"n":1}', b'{"n":2}'
KEY = bytes_field(1, b"k")
SOUND = KEY + user_record(0, ONE)
MIB = 1 << 20


def flipped(data: bytes, at: int) -> bytes:
    """Return the data with one bit turned."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def nested(data: bytes, times: int) -> bytes:
    """Return the data compressed again and again."""
    return nested(gzipped(data), times - 1) if times else data


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (KPL_MAGIC, "kpl_checksum"),
        (KPL_MAGIC + b"0123456789abcde", "kpl_checksum"),
        (sealed(SOUND)[:-1], "kpl_checksum"),
        (flipped(sealed(SOUND), 10), "kpl_checksum"),
        (sealed(b""), "kpl_empty"),
        (sealed(KEY), "kpl_empty"),
        (sealed(SOUND + b"\x1a\x05ab"), "kpl_malformed"),
        (sealed(SOUND + b"\x1a"), "kpl_malformed"),
        (sealed(SOUND + b"\x80"), "kpl_malformed"),
        (sealed(SOUND + b"\xff" * 11), "kpl_malformed"),
        (sealed(SOUND + b"\x02\x01a"), "kpl_malformed"),
        (sealed(SOUND + b"\x1b\x1c"), "kpl_malformed"),
        (sealed(SOUND + b"\x49abc"), "kpl_malformed"),
        (sealed(KEY + user_record(1, ONE)), "kpl_malformed"),
        (sealed(user_record(0, ONE)), "kpl_malformed"),
        (sealed(KEY + bytes_field(3, number_field(1, 0))), "kpl_malformed"),
        (sealed(KEY + bytes_field(3, bytes_field(3, ONE))), "kpl_malformed"),
        (sealed(KEY + bytes_field(3, bytes_field(1, b"0") + bytes_field(3, ONE))), "kpl_malformed"),
        (sealed(KEY + bytes_field(3, number_field(1, 0) + number_field(3, 1))), "kpl_malformed"),
        (sealed(SOUND + number_field(3, 1)), "kpl_malformed"),
        (sealed(bytes_field(1, b"\xff") + user_record(0, ONE)), "kpl_malformed"),
        (b"\x1f\x8b", "gzip_truncated"),
        (gzipped(ONE)[:-1], "gzip_truncated"),
        (flipped(gzipped(ONE), -5), "gzip_corrupt"),
        (gzipped(ONE) + b"tail", "gzip_corrupt"),
        (b"\x1f\x8b is no gzip at all", "gzip_corrupt"),
        (zlib.compress(ONE)[:-1], "zlib_truncated"),
        (flipped(zlib.compress(ONE), -1), "zlib_corrupt"),
        (zstd(ONE)[:-1], "zstd_truncated"),
        (zstd(ONE) + b"tail", "zstd_corrupt"),
        (gzipped(gzipped(ONE)[:-1]), "gzip_truncated"),
        (gzipped(cloudwatch(["probing"], "CONTROL_MESSAGE")), "cloudwatch_control"),
        (gzipped(cloudwatch([])), "cloudwatch_empty"),
        (gzipped(cloudwatch(["sound", 7])), "cloudwatch_malformed"),
        (json.dumps({"messageType": "DATA_MESSAGE", "logEvents": ["text"]}).encode(), "cloudwatch_malformed"),
        (json.dumps({"messageType": "DATA_MESSAGE", "logEvents": [{}]}).encode(), "cloudwatch_malformed"),
        (nested(ONE, 5), "too_deep"),
    ],
)
def test_what_cannot_be_opened_is_kept_whole_with_its_reason(data: bytes, reason: str) -> None:
    """Also what holds no event at all: a record never vanishes."""
    (sub,) = unpack([record(data)])
    assert (sub.sub_sequence, sub.data, sub.partition_key, sub.decode_error) == (0, data, "stream-key", reason)


def test_every_reason_has_an_explanation_that_quotes_nothing() -> None:
    """A person reads it beside the dead letter; a reason of a later release has one too."""
    explanations = [explanation(reason) for reason in Reason]
    assert len(set(explanations)) == len(Reason)
    assert explanation("of_a_later_release") == "Another release of CALI could not decode it"


def test_a_broken_user_record_does_not_take_its_aggregate_along() -> None:
    """It stays whole by itself, with its own key; its neighbours come apart."""
    cut = gzipped(ONE)[:-1]
    subs = unpack([record(aggregate([ONE, cut, TWO], ["a", "b"]))])
    assert [(sub.sub_sequence, sub.data, sub.partition_key, sub.decode_error) for sub in subs] == [
        (0, ONE, "a", None),
        (1, cut, "b", "gzip_truncated"),
        (2, TWO, "a", None),
    ]


@pytest.mark.parametrize(
    "bomb",
    [
        pytest.param(lambda: gzipped(bytes(80 * MIB), 1), id="gzip"),
        pytest.param(lambda: zlib.compress(bytes(80 * MIB), 1), id="zlib"),
        pytest.param(lambda: zstd(bytes(80 * MIB)), id="zstd"),
        pytest.param(lambda: zstd(zstd(bytes(500 * MIB))), id="zstd in zstd"),
        pytest.param(lambda: aggregate([zstd(bytes(9 * MIB))] * 8), id="many in one aggregate"),
        pytest.param(lambda: aggregate([zstd(bytes(9 * MIB))[:-1]] * 8), id="many that are cut"),
        pytest.param(lambda: zstd(bytes(11 * MIB)), id="one event larger than Kinesis takes"),
        pytest.param(lambda: zstd(b"{}\n" * 100_001), id="more lines than events are allowed"),
        pytest.param(lambda: zstd(aggregate([b""] * 100_001)), id="more user records than that"),
        pytest.param(lambda: aggregate([b"{}\n" * 50_001] * 2), id="more lines over all user records"),
        pytest.param(lambda: zstd(cloudwatch([" " * (33 * MIB)])), id="an envelope too large to parse"),
    ],
)
def test_a_bomb_is_kept_whole_and_fills_no_memory(bomb: Callable[[], bytes]) -> None:
    """Growth is bounded over all layers of a record; the record is one dead letter."""
    data = bomb()
    tracemalloc.start()
    subs = unpack([record(data)])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [(sub.data, sub.decode_error) for sub in subs] == [(data, "too_large")]
    assert peak < 3 * undecodable.MOST_BYTES


def test_as_much_as_is_allowed_is_opened() -> None:
    """The bounds themselves are no bombs."""
    lines = b"{}\n" * undecodable.MOST_EVENTS
    assert len(unpack([record(zstd(lines))])) == undecodable.MOST_EVENTS
    assert [len(sub.data) for sub in unpack([record(zstd(bytes(10 * MIB)))])] == [10 * MIB]


def test_a_batch_ends_where_its_records_unpack_to_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call opens a record at least; plain and undecodable ones do not count."""
    monkeypatch.setattr(unpacking, "MOST_UNPACKED", 1000)
    packed = [record(gzipped(b"x" * 500), number) for number in range(5)]
    assert [sub.record.sequence_number for sub in unpack(packed)] == ["0", "1"]
    plain = [record(b"x" * 500), record(b"x" * 500 + b"\n"), record(b"\x1f\x8b" + b"x" * 500)] * 5
    assert len(unpack(plain)) == 15


CHECKED = [
    (aggregate([ONE, TWO]), [ONE, TWO]),
    (aggregate([gzipped(ONE + b"\n" + TWO), zstd(ONE)], ["a", "b"]), [ONE, TWO, ONE]),
    (gzipped(ONE + b"\n" + TWO), [ONE, TWO]),
    (zlib.compress(ONE), [ONE]),
    (gzipped(cloudwatch(["one", "two"])), [b"one", b"two"]),
]
UNCHECKED = [zstd(aggregate([ONE, TWO])), cloudwatch(["one", "two"]), ONE + b"\n" + TWO + b"\n"]
pieces = st.sampled_from([*(packed for packed, _ in CHECKED), *UNCHECKED])
edits = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=4)


def damaged(data: bytes, changes: list[tuple[int, int]], cut: int | None) -> bytes:
    """Return the data with some bytes replaced, and its end cut off."""
    edited = bytearray(data)
    for at, byte in changes:
        edited[at % len(edited)] = byte
    return bytes(edited[:cut])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.builds(damaged, pieces, edits, st.none() | st.integers(0, 200)), max_size=6))
def test_damage_never_raises_and_never_loses_a_record(payloads: list[bytes]) -> None:
    """Every record makes its own run of sub-sequences from 0, and the same one each time."""
    records = [record(data, number) for number, data in enumerate(payloads)]
    subs = unpack(records)
    assert [sub.record for sub in subs if sub.sub_sequence == 0] == records
    for one in records:
        own = [sub.sub_sequence for sub in subs if sub.record is one]
        assert own == list(range(len(own)))
    assert unpack(records) == subs


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(CHECKED), edits, st.none() | st.integers(0, 200))
def test_damage_under_a_checksum_leaves_all_events_or_the_whole_record(
    packed: tuple[bytes, list[bytes]], changes: list[tuple[int, int]], cut: int | None
) -> None:
    """What has a checksum never comes apart into other events than its producer's."""
    data = damaged(packed[0], changes, cut)
    assert [sub.data for sub in unpack([record(data)])] in (packed[1], [data])


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60))
def test_any_message_with_a_fitting_checksum_is_read_or_refused(body: bytes) -> None:
    """The protobuf reader holds for bytes that no producer wrote."""
    (first, *others) = unpack([record(sealed(body))])
    assert first.decode_error in {None, "kpl_malformed", "kpl_empty"}
    assert not others or first.decode_error is None


@settings(max_examples=60, deadline=None)
@given(st.lists(st.builds(damaged, pieces, edits, st.none() | st.integers(0, 200)), min_size=1, max_size=6))
def test_what_is_read_is_what_is_judged(payloads: list[bytes]) -> None:
    """From the stream's records over the raw object to staged and dead letters, the counts and identities add up."""
    records = [record(data, number) for number, data in enumerate(payloads)]
    batch, data = raw_batch("logs", "shard", records)
    raw = from_parquet(data)
    result = validate(streams.get("logs"), raw, Origin("logs", batch.batch_id, "shard"))
    judged = [*result.staged.to_pylist(), *result.dead.to_pylist()]
    identities = [(row["_sequence_number"], row["_sub_sequence"]) for row in judged]
    read = [(sub.record.sequence_number, sub.sub_sequence) for sub in unpack(records)]
    assert (batch.records, sorted(identities)) == (raw.num_rows, sorted(read))
    assert batch.bytes == sum(len(row["data"]) for row in raw.to_pylist())
    undecoded = [row for row in result.dead.to_pylist() if row["stage"] == "decode"]
    assert len(undecoded) == raw.num_rows - raw.column("decode_error").null_count
    assert {row["reason"] for row in undecoded} <= set(Reason)


def test_the_raw_object_has_the_events_their_keys_and_errors() -> None:
    """One row an event: place, key, bytes, and why it is none."""
    cut = gzipped(ONE)[:-1]
    batch, data = raw_batch("logs", "shard", [record(aggregate([ONE, TWO]), 1), record(cut, 2), record(ONE, 3)])
    table = from_parquet(data)
    assert table.schema == RAW_SCHEMA
    assert [tuple(row.values()) for row in table.to_pylist()] == [
        ("1", 0, "user-key", NOW, ONE, None),
        ("1", 1, "user-key", NOW, TWO, None),
        ("2", 0, "stream-key", NOW, cut, "gzip_truncated"),
        ("3", 0, "stream-key", NOW, ONE, None),
    ]
    assert (batch.first_sub_sequence, batch.last_sub_sequence, batch.records) == (0, 0, 4)
    assert batch.bytes == len(ONE) * 2 + len(TWO) + len(cut)


def test_an_object_whose_records_were_not_to_be_opened_has_another_key() -> None:
    """The same bytes with and without a decode error are two contents."""
    records = [record(gzipped(ONE)[:-1])]
    assert (
        raw_batch("logs", "shard", records)[0].raw_key != raw_batch("logs", "shard", records, Payloads.PLAIN)[0].raw_key
    )
