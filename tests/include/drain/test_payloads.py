"""Payloads: what a producer packed comes apart into the same events, in order, and nothing else is touched."""

import json
import zlib
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.drain.payloads import unpack as unpacking
from include.drain.payloads.mode import Payloads
from include.drain.payloads.unpack import SubRecord, unpack
from tests.include.drain.packing import (
    COMPRESSIONS,
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

ONE, TWO, THREE = b'{"n":1}', b'{"n": 2}', b'{"n":{"m":3}}'
PRETTY = json.dumps({"a": {"b": [1, {"c": 2}]}, "d": {}}, indent=2).encode()
BY_THE_AWS_MODULE = (
    b"\xf3\x89\x9a\xc2\n\x05key-a\n\x05key-b\x12'170141183460469231731687303715884105728"
    b'\x1a\r\x08\x00\x10\x00\x1a\x07{"n":1}\x1a\x98\x01\x08\x01\x1a\x93\x01{"n":2}' + b" " * 140 + b"\x1a\x06\x08\x00"
    b"\x1a\x02\x00\xffBr4\xa8\x80a\x87P`\xa1\xf06\x04\x8a`\xad"
)
"""Written by the aggregator of aws-kinesis-agg 1.2.3."""


def opened(data: bytes) -> list[SubRecord]:
    """Unpack one stream record."""
    return unpack([record(data)])


def events(data: bytes) -> list[bytes]:
    """Return the events of one stream record, all of which could be decoded."""
    subs = opened(data)
    assert [sub.decode_error for sub in subs] == [None] * len(subs)
    return [sub.data for sub in subs]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        ONE,
        ONE + b"\n",
        b"\r\n" + ONE + b"\r\n\r\n",
        b"\n\n",
        PRETTY,
        PRETTY.replace(b"\n", b"\r\n"),
        PRETTY + b"\n" + PRETTY,
        b'[\n{"a": 1},\n{"a": 2}\n]',
        b'{"a": [\n{"b": 1},\n{"b": 2}\n]}',
        b'{"a":\n{"b": 1}}',
        b'{"a": "}\n{"}',
        b'{"broken": \n{"in": \n{"two": }}}',
        b'{"message": "a raw\nline break"}',
        ONE + b"\nnot JSON\n" + TWO,
        b"java.lang.IllegalStateException: {}\n\tat Cart.add(Cart.java:7)",
        b'{"note": "\\"logEvents\\" and \\"messageType\\""}',
        b'{"logEvents": [], "messageType": "SOMETHING_ELSE"}',
        b'{"logEvents": "DATA_MESSAGE", "messageType": "DATA_MESSAGE"}',
        b'{"logEvents": ' + b"[" * 50_000,
        b"{" * 50_000 + b"}\n{}}",
        b"\xff\xfe\n\x00",
        b"(",
        b"x",
        b"\xf3\x89\x9a",
    ],
)
def test_one_event_stays_one_record_byte_for_byte(data: bytes) -> None:
    """What is not surely packed is left alone: line breaks inside JSON, text, broken and binary data."""
    assert opened(data) == [SubRecord(record(data), 0, data, "stream-key")]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (ONE + b"\n" + TWO, [ONE, TWO]),
        (ONE + b"\n" + TWO + b"\n" + THREE + b"\n", [ONE, TWO, THREE]),
        (ONE + b"\r\n" + TWO + b"\r\n", [ONE, TWO]),
        (b"\n \n" + ONE + b"\n\n\t\n" + TWO + b"\n\n", [ONE, TWO]),
        (b" " + ONE + b"\n" + TWO + b" \n", [b" " + ONE, TWO + b" "]),
        (ONE + b'\n{"cut": \n' + TWO, [ONE, b'{"cut": ', TWO]),
        (b'{"cut": "\n' + TWO, [b'{"cut": "', TWO]),
    ],
)
def test_joined_lines_come_apart(data: bytes, expected: list[bytes]) -> None:
    """Line ends and empty lines go, all else of a line stays; a broken line does not take its neighbours along."""
    assert events(data) == expected


@pytest.mark.parametrize("pack", COMPRESSIONS.values(), ids=COMPRESSIONS)
def test_compressed_events_are_inflated(pack: Callable[[bytes], bytes]) -> None:
    """An event, joined events, nothing at all, and streams that follow each other."""
    assert events(pack(PRETTY)) == [PRETTY]
    assert events(pack(ONE + b"\n" + TWO)) == [ONE, TWO]
    assert events(pack(b"")) == [b""]
    assert events(pack(ONE) + pack(b"") + pack(b"\n" + TWO)) == [ONE, TWO]


@pytest.mark.parametrize("level", range(10))
def test_each_level_of_zlib_is_known(level: int) -> None:
    """The header's second byte tells the level."""
    assert events(zlib.compress(ONE, level)) == [ONE]


def test_cloudwatchs_envelope_comes_apart_into_its_messages() -> None:
    """Messages are what the application wrote; line breaks, other scripts and half a surrogate pair go along."""
    messages = [ONE.decode(), "two\nlines", "日本", "", "\ud800"]
    expected = [message.encode("utf-8", "surrogatepass") for message in messages]
    assert events(gzipped(cloudwatch(messages))) == expected
    assert events(cloudwatch(messages)) == expected


def test_a_user_record_has_its_own_partition_key_and_place() -> None:
    """Sub-sequences count on over what is nested inside an aggregate."""
    data = aggregate([ONE, gzipped(ONE + b"\n" + TWO), THREE], keys=["a", "b"])
    assert [(sub.sub_sequence, sub.data, sub.partition_key) for sub in opened(data)] == [
        (0, ONE, "a"),
        (1, ONE, "b"),
        (2, TWO, "b"),
        (3, THREE, "a"),
    ]


def test_an_aggregate_of_another_implementation_is_read() -> None:
    """Explicit hash keys and lengths of two bytes, as AWS' own Python module writes them."""
    assert [(sub.data, sub.partition_key) for sub in opened(BY_THE_AWS_MODULE)] == [
        (ONE, "key-a"),
        (b'{"n":2}' + b" " * 140, "key-b"),
        (b"\x00\xff", "key-a"),
    ]


def test_a_hash_key_outside_the_shard_loses_nothing() -> None:
    """The shard delivered the record, so it is ours, whatever hash keys say (even no number at all)."""
    table = (
        bytes_field(1, b"k") + bytes_field(2, b"0") + bytes_field(2, str(2**128 - 1).encode()) + bytes_field(2, b"?")
    )
    assert events(sealed(table + b"".join(user_record(0, ONE, number) for number in (0, 1, 2, 99)))) == [ONE] * 4


def test_what_the_format_does_not_know_is_passed_over() -> None:
    """Tags, later fields of every wire type, tables behind the records, and a repeated field's last value."""
    unknown = number_field(9, 300) + bytes_field(10, b"x") + b"\x59" + b"8" * 8 + b"\x65" + b"4" * 4
    tagged = bytes_field(
        3, number_field(1, 7) + number_field(1, 1) + bytes_field(4, b"tag") + bytes_field(3, ONE) + unknown
    )
    (sub,) = opened(sealed(unknown + tagged + bytes_field(1, b"a") + bytes_field(1, "ü".encode())))
    assert (sub.data, sub.partition_key) == (ONE, "ü")


def test_a_plain_stream_is_never_opened() -> None:
    """With the setting ``plain`` each stream record is one event."""
    packed = [gzipped(ONE), aggregate([ONE, TWO]), ONE + b"\n" + TWO, b"\x1f\x8b broken"]
    subs = unpack([record(data) for data in packed], Payloads.PLAIN)
    assert [(sub.sub_sequence, sub.data, sub.decode_error) for sub in subs] == [(0, data, None) for data in packed]


json_objects = st.dictionaries(st.text(max_size=5), st.text(max_size=8) | st.integers(), max_size=3).map(
    lambda value: json.dumps(value, ensure_ascii=False).encode()
)
texts = st.text(st.characters(codec="utf-8"), max_size=12)
batches = st.one_of(
    st.tuples(st.just(b"\n".join), st.lists(json_objects, min_size=2, max_size=6)),
    st.tuples(st.just(lambda lines: b"\r\n".join([*lines, b""])), st.lists(json_objects, min_size=2, max_size=6)),
    st.tuples(
        st.just(lambda messages: cloudwatch([message.decode() for message in messages])),
        st.lists(texts.map(str.encode), min_size=1, max_size=6),
    ),
    st.tuples(st.just(lambda only: only[0]), st.lists(json_objects, min_size=1, max_size=1)),
)
layers = st.lists(st.sampled_from([*COMPRESSIONS.values()]), max_size=2)
Batch = tuple[Callable[[Sequence[bytes]], bytes], list[bytes]]


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(batches, layers), min_size=1, max_size=5), layers, st.booleans())
def test_decoding_what_was_encoded_gives_the_same_events_in_order(
    packed: list[tuple[Batch, list[Callable[[bytes], bytes]]]],
    outer: list[Callable[[bytes], bytes]],
    aggregated: bool,
) -> None:
    """Whatever is nested in whatever: joined lines or an envelope, compressed, in an aggregate, compressed again."""
    users, expected = [], []
    for (join, batch), compressions in packed if aggregated else packed[:1]:
        data = join(batch)
        for compress in compressions[: 1 if outer else 2]:
            data = compress(data)
        users.append(data)
        expected += batch
    data = aggregate(users, ["a", "b"]) if aggregated else users[0]
    for compress in outer:
        data = compress(data)
    assert events(data) == expected
    assert [sub.sub_sequence for sub in opened(data)] == list(range(len(expected)))


json_values = st.recursive(
    st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=80, deadline=None)
@given(json_values, st.sampled_from([0, 1, "\t"]), st.sampled_from([(",", ": "), ("\n,\n", "\n:\n")]))
def test_no_json_document_is_taken_for_joined_lines(value: object, indent: int | str, between: tuple[str, str]) -> None:
    """However JSON is laid out over lines, one document is one event."""
    data = json.dumps({"value": value, "last": {}}, indent=indent, separators=between).encode()
    assert events(data) == [data]


def test_gzip_around_zstd_is_opened_as_well() -> None:
    """Layers of different kinds nest."""
    assert events(gzipped(zstd(ONE))) == [ONE]


MARK = b'"logEvents"'
suspicious = st.sampled_from([b"", b"\n", b"\x1f", b"\x8b", MARK[:5], MARK[5:], gzipped(ONE), zstd(ONE)])
neighbours = st.lists(suspicious | st.just(ONE) | st.binary(max_size=4), max_size=3).map(b"".join)


@settings(max_examples=80, deadline=None)
@given(st.lists(neighbours | st.just(ONE + b"\n" + TWO), max_size=9), st.integers(1, 4))
def test_a_record_is_opened_as_if_it_were_alone(payloads: list[bytes], at_once: int) -> None:
    """Records are searched joined: no mark is missed that way, and what two neighbours make up together is none."""
    records = [record(data, number) for number, data in enumerate(payloads)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unpacking, "SEARCHED_AT_ONCE", at_once)
        together = unpack(records)
    assert [sub for one in records for sub in unpack([one])] == together
