"""The simulated shop keeps the mix, the shapes and the determinism that it promises."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import sqrt

import pytest

from include.alerts.fingerprint import fingerprint
from include.simulator.malformed import KINDS, OVERSIZED, RECORD_LIMIT
from include.simulator.record import VALID, GeneratorOptions, SimulatedRecord
from include.streams.logs import STREAM
from include.streams.logs.model import LogEvent, to_columns
from include.streams.logs.simulation.generator import SIMULATION, LogGenerator
from include.streams.logs.simulation.scenarios import SCENARIOS
from include.streams.logs.simulation.services import NAMES, ORDINARY_WARNINGS

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def made(seconds: int, rate: int = 100, **options: float) -> list[SimulatedRecord]:
    """The records of some seconds of stream time, asked for five times a second."""
    generator = LogGenerator(GeneratorOptions(**{"seed": 7, **options}))  # type: ignore[arg-type]
    records: list[SimulatedRecord] = []
    for tick in range(1, seconds * 5 + 1):
        records += generator.records(rate // 5, START + timedelta(seconds=tick / 5))
    return records


def events(records: list[SimulatedRecord]) -> list[LogEvent]:
    """The events of the valid records."""
    return [LogEvent.model_validate_json(record.data) for record in records if record.kind == VALID]


def assert_share(expected: float, hits: int, of: int) -> None:
    """The share lies within four standard deviations of a binomial."""
    assert abs(hits - expected * of) <= 4 * sqrt(expected * (1 - expected) * of)


def test_the_same_seed_and_calls_give_the_same_bytes() -> None:
    """A run can be repeated, another seed is another run."""
    assert made(5, malformed_rate=0.1) == made(5, malformed_rate=0.1)
    assert made(5) != made(5, seed=8)


def test_dated_one_by_one_the_records_do_not_depend_on_how_they_are_asked_for() -> None:
    """What is made follows from the instants alone."""
    one, other = LogGenerator(GeneratorOptions(seed=1)), LogGenerator(GeneratorOptions(seed=1))
    one.records(1, START)
    other.records(1, START)
    halves = other.records(10, START + timedelta(seconds=10)) + other.records(10, START + timedelta(seconds=20))
    assert halves == one.records(20, START + timedelta(seconds=20))


def test_nothing_asked_nothing_made() -> None:
    """A tick without a due record leaves no trace."""
    assert LogGenerator(GeneratorOptions()).records(0, START) == []


def test_the_levels_keep_their_shares() -> None:
    """Errors and warnings are what the options say, of the valid records."""
    records = made(100, error_rate=0.2, warn_rate=0.15, malformed_rate=0.05)
    levels = Counter(event.level for event in events(records))
    assert set(levels) == {"INFO", "WARN", "ERROR"}
    assert_share(0.2, levels["ERROR"], levels.total())
    assert_share(0.15, levels["WARN"], levels.total())
    assert_share(0.05, len(records) - levels.total(), len(records))


@pytest.mark.parametrize(("error_rate", "warn_rate", "level"), [(1, 0, "ERROR"), (0, 1, "WARN"), (0, 0, "INFO")])
def test_a_share_may_be_everything_or_nothing(error_rate: float, warn_rate: float, level: str) -> None:
    """The ends of the scale are exact."""
    records = made(2, error_rate=error_rate, warn_rate=warn_rate)
    assert {event.level for event in events(records)} == {level}


def test_within_two_minutes_nearly_every_scenario_has_its_turn() -> None:
    """A short demonstration shows at least seven of the eight."""
    for seed in range(8):
        seen = {record.scenario for record in made(120, rate=20, seed=seed)} - {None}
        assert len(seen) >= 7


def test_every_error_belongs_to_a_scenario_and_at_most_two_go_on_at_once() -> None:
    """Incidents take turns instead of all coming at once."""
    records = made(60)
    assert all(
        record.scenario for record, event in zip(records, events(records), strict=True) if event.level == "ERROR"
    )
    for second in range(0, 6000, 100):
        errors = {r.scenario for r in records[second : second + 100] if b'"level":"ERROR"' in r.data}
        assert 1 <= len(errors) <= 3  # within one second one may end and the next begin


def test_alertable_are_exactly_the_valid_warnings_and_errors() -> None:
    """The journal's flag is what the filter has to find."""
    for record in made(20, malformed_rate=0.2):
        level = LogEvent.model_validate_json(record.data).level if record.kind == VALID else "INFO"
        assert record.alertable == (level in ("WARN", "ERROR", "FATAL"))


def test_an_event_carries_its_id_and_its_request_in_the_wire_form() -> None:
    """A record's id is the event's id, and a request's events share a partition."""
    records = made(20)
    for record, event in zip(records, events(records), strict=True):
        assert record.event_id == event.event_id
        assert record.partition_key == event.correlation_id
    assert len({record.event_id for record in records}) == len(records)


def test_the_events_of_a_request_share_ids_and_pods() -> None:
    """One request has one trace id, and one pod of each service."""
    by_trace: dict[str | None, list[LogEvent]] = {}
    for event in events(made(20)):
        by_trace.setdefault(event.correlation_id, []).append(event)
    assert max(len(found) for found in by_trace.values()) >= 5
    for found in by_trace.values():
        assert len({event.request_id for event in found}) == 1
        assert len({event.pod for event in found}) == len({event.service for event in found})


def test_all_seven_services_speak() -> None:
    """Each service has its version and its three pods."""
    found = events(made(60))
    assert {event.service for event in found} == set(NAMES)
    assert {len({e.pod for e in found if e.service == name}) for name in NAMES} == {3}
    assert {len({e.version for e in found if e.service == name}) for name in NAMES} == {1}


def test_events_are_dated_evenly_between_the_calls() -> None:
    """Stream time goes forward, and the last event of a call has the call's instant."""
    dates = [event.timestamp for event in events(made(10))]
    assert dates == sorted(dates)
    assert dates[-1] == START + timedelta(seconds=10)


def test_ordinary_warnings_are_few_kinds() -> None:
    """Warnings that belong to no incident stem from three places of the code."""
    records = made(60, error_rate=0, warn_rate=1)
    kinds = {
        event.log_content.split("] ")[-1].split(" : ")[0]
        for record, event in zip(records, events(records), strict=True)
        if record.scenario is None
    }
    assert kinds == {"auth.login", "c.s.catalog.ProductService", "c.s.order.AddressCheck"}


def test_an_ordinary_event_is_about_600_bytes() -> None:
    """The size that the throughput figures are given for."""
    sizes = [len(record.data) for record in made(20, error_rate=0, warn_rate=0)]
    assert 500 <= sum(sizes) / len(sizes) <= 700


def test_amounts_are_exact_decimals_in_strings() -> None:
    """Money never travels as a float."""
    amounts = [event.__pydantic_extra__["amount"] for event in events(made(20)) if event.__pydantic_extra__]
    assert amounts
    for amount in amounts:
        assert isinstance(amount, str)
        assert len(amount.split(".")[1]) == 2


def test_every_malformed_kind_occurs_and_no_record_has_a_line_end_or_exceeds_the_limit() -> None:
    """A consumer that splits lines still sees one record, and Kinesis takes each."""
    records = made(60, malformed_rate=0.5)
    assert {record.kind for record in records} == {VALID, *KINDS}
    for record in records:
        assert b"\n" not in record.data
        assert 0 < len(record.data) + len(record.partition_key) <= RECORD_LIMIT
        assert (record.event_id is None) == (record.kind != VALID)


def test_oversized_records_are_rare_and_apart() -> None:
    """No call carries two records of a megabyte."""
    places = [n for n, record in enumerate(made(60, malformed_rate=0.5)) if record.kind == OVERSIZED]
    assert 2 <= len(places) <= 6000 * 0.5 / 50 * 1.5
    assert all(later - earlier >= 500 for earlier, later in pairwise(places))


def test_the_log_file_has_the_event_as_the_service_wrote_it() -> None:
    """First line with every field, then the trace; a broken record is one line of its own."""
    record = made(2, error_rate=1, warn_rate=0)[0]
    event = LogEvent.model_validate_json(record.data)
    text = SIMULATION.as_text(record).decode()
    first, second, *_ = text.split("\n")
    date = json.loads(record.data)["timestamp"]
    start = (
        f"{date} ERROR [{event.service}] [{event.pod}] [{event.version}] [{event.request_id},{event.correlation_id}] ["
    )
    assert first.startswith(start)
    assert first.endswith(f" : {event.message}")
    assert second == event.log_content.split("\n")[1]
    assert text.endswith("\n")
    broken = SimulatedRecord(b"\xff", "key", "bad_encoding", alertable=False, scenario=None, event_id=None)
    assert SIMULATION.as_text(broken) == b"\xff\n"


def test_scenarios_have_distinct_names() -> None:
    """There are eight, each with its own name."""
    assert len({scenario.name for scenario in SCENARIOS}) == 8


def groups_of(level: str, records: list[SimulatedRecord]) -> dict[str | None, Counter[str]]:
    """Return for each scenario how many of its records of the level each fingerprint has."""
    groups: dict[str | None, Counter[str]] = {}
    for record, event in zip(records, events(records), strict=True):
        if event.level == level:
            columns = {name: values[0] for name, values in to_columns([event]).items()}
            place = {"_arrived_at": event.timestamp, "_shard_id": "s", "_sequence_number": "1", "_sub_sequence": 0}
            groups.setdefault(record.scenario, Counter())[fingerprint(STREAM.to_alert(columns | place)).value] += 1
    return groups


def test_the_eight_scenarios_make_eight_groups_of_errors() -> None:
    """Ten thousand varied traces of eight scenarios are eight problems."""
    groups = groups_of("ERROR", made(300, error_rate=0.5, warn_rate=0))
    assert [len(values) for values in groups.values()] == [1] * 8
    together = sum(groups.values(), Counter())
    assert (len(together), together.total() > 10_000) == (8, True)


def test_a_warnings_line_is_one_group_whatever_fills_it() -> None:
    """Names, addresses of several countries, ids and durations part no group, and no two lines share one."""
    groups = groups_of("WARN", made(300, error_rate=0, warn_rate=0.1))
    assert len(sum(groups.values(), Counter())) == len(SCENARIOS) + len(ORDINARY_WARNINGS)
