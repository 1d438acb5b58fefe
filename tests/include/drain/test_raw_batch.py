"""Raw batches: a table holds the events that went in, and names them by their content."""

from datetime import UTC, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from include.drain.payloads.unpack import SubRecord
from include.drain.raw_batch import raw_table, sub_records
from include.parquet import from_parquet, to_parquet
from include.records import StreamRecord

zones = st.timezones() | st.just(UTC)
texts = st.text(st.characters(codec="utf-8"), max_size=5)
records = st.builds(StreamRecord, st.integers(0, 2**186).map(str), texts, st.datetimes(timezones=zones), st.binary())
subs = st.builds(SubRecord, records, st.integers(0, 2**31 - 1), st.binary(), texts, st.none() | texts)


def facts(event: SubRecord) -> tuple[object, ...]:
    """Return what a raw object holds of an event; of the record that it came from, that is not the data."""
    record = event.record
    return (
        record.sequence_number,
        record.arrived_at,
        event.sub_sequence,
        event.partition_key,
        event.data,
        event.decode_error,
    )


@settings(max_examples=100, deadline=None)
@given(st.lists(subs, max_size=8))
def test_events_come_back_from_their_object_as_they_went_in(events: list[SubRecord]) -> None:
    """Every byte, every place and every instant, whatever the zone it was told in."""
    stored = sub_records(from_parquet(to_parquet(raw_table(events))))
    assert [facts(event) for event in events] == [facts(event) for event in stored]
    assert all(event.record.arrived_at.utcoffset() == timedelta(0) for event in stored)
