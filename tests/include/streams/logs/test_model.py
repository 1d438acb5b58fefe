r"""The log stream's contract accepts what a service may write and rejects the rest, always the same way."""

import json
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from include.streams.logs.model import SCHEMA, LogEvent, to_columns

EVENT: dict[str, Any] = {
    "event_id": "0b5c1f0e-7a2d-4d8e-9c55-0a1b2c3d4e5f",
    "timestamp": "2026-03-01T12:00:00.123456Z",
    "level": "INFO",
    "service": "order",
    "message": "order accepted",
    "log_content": "2026-03-01 12:00:00.123 INFO [order] order accepted",
    "pod": "order-7d9f6b5c4-x2x7k",
    "version": "2.4.1",
    "request_id": "req-1",
    "correlation_id": "trace-1",
}


def wire(**changes: object) -> bytes:
    """A good event with some fields changed, as it comes from the stream."""
    return json.dumps({**EVENT, **changes}).encode()


def with_raw(value: str) -> bytes:
    """An event whose unknown field ``x`` holds a JSON text that ``json`` would not write."""
    return wire(x="@").replace(b'"@"', value.encode())


def rejected(data: bytes) -> str:
    """The type of the first error with which the model refuses a record."""
    with pytest.raises(ValidationError) as caught:
        LogEvent.model_validate_json(data)
    return caught.value.errors()[0]["type"]


def test_an_event_survives_with_every_field() -> None:
    """What the service wrote is what the columns hold."""
    event = LogEvent.model_validate_json(wire())
    expected = {**EVENT, "timestamp": datetime(2026, 3, 1, 12, 0, 0, 123456, UTC)}
    assert expected == event.model_dump()


@pytest.mark.parametrize("name", [name for name in EVENT if name not in ("request_id", "correlation_id")])
def test_every_field_but_the_two_request_ids_is_required(name: str) -> None:
    """An event without a service or a time is no event."""
    assert rejected(json.dumps({key: EVENT[key] for key in EVENT if key != name}).encode()) == "missing"
    assert rejected(wire(**{name: None}))


def test_an_event_outside_of_a_request_is_accepted() -> None:
    """A start-up message belongs to no request."""
    event = LogEvent.model_validate_json(wire(request_id=None, correlation_id=None))
    assert (event.request_id, event.correlation_id) == (None, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01T12:00:00Z", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("2026-03-01T12:00Z", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("2026-03-01 12:00:00+0530", datetime(2026, 3, 1, 6, 30, tzinfo=UTC)),
        ("2026-03-01T12:00:00.123456789-01:00", datetime(2026, 3, 1, 13, 0, 0, 123456, UTC)),
        ("2000-01-01T00:00:00Z", datetime(2000, 1, 1, tzinfo=UTC)),
        ("2099-12-31T23:59:59.999999Z", datetime(2099, 12, 31, 23, 59, 59, 999999, UTC)),
    ],
)
def test_an_instant_with_a_zone_is_stored_in_utc(text: str, expected: datetime) -> None:
    """Whatever zone a service writes in, the column is UTC."""
    columns = to_columns([LogEvent.model_validate_json(wire(timestamp=text))])
    stored = pa.table(columns, schema=SCHEMA)["timestamp"][0].as_py()
    assert expected == stored
    assert expected.utcoffset() == stored.utcoffset()


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-01T12:00:00",
        "2026-03-01",
        "1700000000",
        "1700000000000",
        1_700_000_000,
        1.7e9,
        "yesterday",
        "",
        "2026-02-30T00:00:00Z",
        "1970-01-01T00:00:00Z",
        "1999-12-31T23:59:59Z",
        "2000-01-01T00:00:00+01:00",
        "2100-01-01T00:00:00Z",
        "9999-12-31T23:59:59-12:00",
        "0001-01-01T00:00:00+14:00",
        "2026-03-01T12:00:00Z\n",
        "\uff12\uff10\uff12\uff16-03-01T12:00:00Z",
        True,
    ],
)
def test_a_time_that_is_no_zoned_instant_of_this_century_is_rejected(value: object) -> None:
    """A naive, numeric or absurd time is never guessed at."""
    assert rejected(wire(timestamp=value))


def test_an_event_id_is_kept_in_canonical_form() -> None:
    """The same event written in upper case has the same id."""
    event = LogEvent.model_validate_json(wire(event_id=EVENT["event_id"].upper()))
    assert EVENT["event_id"] == event.event_id


@pytest.mark.parametrize(
    "changes",
    [
        {"event_id": "0b5c1f0e7a2d4d8e9c550a1b2c3d4e5f"},
        {"event_id": "{" + EVENT["event_id"] + "}"},
        {"event_id": EVENT["event_id"] + "\n"},
        {"event_id": 7},
        {"level": "error"},
        {"level": "WARNING"},
        {"service": ""},
        {"service": "Order"},
        {"service": "order\n"},
        {"service": "s" * 65},
        {"message": ""},
        {"message": 5},
        {"message": ["a"]},
        {"message": "m" * 8_193},
        {"log_content": ""},
        {"log_content": "c" * 262_145},
        {"pod": ""},
        {"version": 2.4},
        {"request_id": ""},
        {"correlation_id": "t" * 129},
    ],
)
def test_a_field_outside_of_its_bounds_is_rejected(changes: dict[str, object]) -> None:
    """No coercion: a number is not a string, and a long text is not cut."""
    assert rejected(wire(**changes))


def test_the_longest_texts_are_accepted_and_counted_in_characters() -> None:
    """8,192 and 262,144 characters, however many bytes they take."""
    event = LogEvent.model_validate_json(wire(message="é" * 8_192, log_content="語" * 262_144))
    assert (len(event.message), len(event.log_content)) == (8_192, 262_144)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'"text"',
        b"\xef\xbb\xbf" + wire(),
        wire() + b"x",
        wire() + wire(),
        wire()[:-1],
        wire().replace(b"accepted", b"\xff\xfe"),
        wire(message="\ud800"),
        wire(x="\udfff"),
        wire(**{"\ud800": 1}),
        with_raw("NaN"),
        with_raw("-Infinity"),
        with_raw('[{"deep": NaN}]'),
        with_raw("1e999"),
        with_raw("1" + "0" * 5_000),
        with_raw("[" * 100_000 + "]" * 100_000),
    ],
)
def test_hostile_json_is_rejected_cleanly(data: bytes) -> None:
    """Whatever JSON can hide, the one exception is a ValidationError."""
    assert rejected(data)


def test_numbers_that_json_has_no_form_for_are_named_as_such() -> None:
    """The dead letter says what is wrong, in one error."""
    with pytest.raises(ValidationError) as caught:
        LogEvent.model_validate_json(with_raw('{"ratio": NaN}'))
    assert [error["type"] for error in caught.value.errors()] == ["not_portable_json"]


def test_a_key_given_twice_counts_with_its_last_value() -> None:
    """As in Python's own json, and for both kinds of fields."""
    twice = with_raw('1, "x": 2, "level": "WARN"')
    event = LogEvent.model_validate_json(twice)
    assert (event.level, event.__pydantic_extra__) == ("WARN", {"x": 2})


@pytest.mark.parametrize(
    "value",
    ["null", "true", "-0.5", "1" + "0" * 400, '"\\u0000"', '{"a":[1,"é",null]}', "[" * 190 + "]" * 190],
)
def test_unknown_fields_are_kept_as_json(value: str) -> None:
    """What the contract does not name comes back from the extra column, huge integers included."""
    columns = to_columns([LogEvent.model_validate_json(with_raw(value))])
    stored = pa.table(columns, schema=SCHEMA)["extra"][0].as_py()
    assert {"x": json.loads(value)} == json.loads(stored)


def test_unknown_fields_that_look_like_methods_do_no_harm() -> None:
    """A record cannot replace what the model's code relies on."""
    unknown = {"model_dump": 1, "__class__": "x", "__pydantic_extra__": {}, "__dict__": {}, "extra": 3}
    (extra,) = to_columns([LogEvent.model_validate_json(wire(**unknown))])["extra"]
    assert unknown == json.loads(str(extra))


def test_a_nul_in_a_text_is_kept() -> None:
    """Parquet holds it; who writes to Postgres has to strip it."""
    event = LogEvent.model_validate_json(wire(message="a\0b"))
    assert pa.table(to_columns([event]), schema=SCHEMA)["message"][0].as_py() == "a\0b"


def test_columns_follow_the_schema_in_order_and_length() -> None:
    """Column i of row n is field i of event n."""
    records = [wire(message="m0"), wire(message="m1", x=1), wire(message="m2", x=2)]
    events = [LogEvent.model_validate_json(record) for record in records]
    columns = to_columns(events)
    assert SCHEMA.names == list(columns)
    assert columns["message"] == ["m0", "m1", "m2"]
    assert columns["extra"] == [None, '{"x":1}', '{"x":2}']
    assert pa.table(to_columns([]), schema=SCHEMA).num_rows == 0


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the first text is slow to draw
@given(st.dictionaries(st.sampled_from([*EVENT, "x", "y"]), json_values))
def test_any_json_is_an_event_that_arrow_can_hold_or_a_validation_error(changes: dict[str, Any]) -> None:
    """No input reaches the Parquet writer that it cannot write, and none raises anything else."""
    try:
        events = TypeAdapter(list[LogEvent]).validate_json(b"[" + wire(**changes) + b"]")
    except ValidationError:
        return
    table = pa.table(to_columns(events), schema=SCHEMA)
    table.validate(full=True)
    assert table.num_rows == 1


@given(st.binary())
def test_any_bytes_are_rejected_cleanly(data: bytes) -> None:
    """Random bytes are never an event."""
    assert rejected(data)
