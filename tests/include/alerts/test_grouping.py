"""Claims about a batch's increments."""

from collections.abc import Callable
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from include.alerts.event import AlertEvent, RecordIdentity
from include.alerts.grouping import LONGEST_SAMPLE, MOST_NAMES, group_events, group_messages

NOW = datetime.fromisoformat("2026-03-01T12:00:00+00:00")
EVENTS = st.builds(
    AlertEvent,
    stream=st.sampled_from(["logs", "tx"]),
    severity=st.sampled_from(["ERROR", "WARN", "FATAL"]),
    service=st.sampled_from(["a", "b"]),
    title=st.just("t"),
    message=st.sampled_from(["disk full", "no route", "x 1", "x 2"]),
    stack_trace=st.none(),
    occurred_at=st.datetimes(NOW.replace(tzinfo=None) - timedelta(hours=2), NOW.replace(tzinfo=None)).map(
        lambda at: at.replace(tzinfo=NOW.tzinfo)
    ),
    arrived_at=st.just(NOW),
    identity=st.just(RecordIdentity("s", "1")),
)


@given(st.lists(EVENTS, max_size=40))
def test_no_record_is_lost_or_counted_twice(events: list[AlertEvent]) -> None:
    """The increments' counts add up to the events, a fingerprint appears once a stream, and spans enclose the times."""
    increments = group_events(events)
    assert sum(increment.count for increment in increments) == len(events)
    keys = [(increment.stream, increment.fingerprint.value) for increment in increments]
    assert len(keys) == len(set(keys))
    if events:
        assert min(i.first_seen for i in increments) == min(event.occurred_at for event in events)
        assert max(i.last_seen for i in increments) == max(event.occurred_at for event in events)


def test_an_increment_names_its_origins_and_first_record(event: Callable[..., AlertEvent]) -> None:
    """Services, pods and versions are sorted and each named once; the sample is the first event."""
    events = [
        event("disk 1 full", number=1, attributes={"pod": "b", "version": "2"}),
        event("disk 2 full", number=2, attributes={"pod": "a", "version": "2"}),
        event("disk 3 full", number=3, attributes={}),
    ]
    [increment] = group_events(events)
    assert (increment.services, increment.pods, increment.versions) == (("payments",), ("a", "b"), ("2",))
    assert (increment.count, increment.sample.identity.sequence_number) == (3, "1")


def test_the_most_urgent_level_is_the_increments(event: Callable[..., AlertEvent]) -> None:
    """One trace logged at WARN and at ERROR is one problem, and an ERROR."""
    trace = "a.B\n\tat com.acme.X.y(X.java:1)\n"
    [increment] = group_events([event(severity="Warning", stack_trace=trace), event(stack_trace=trace)])
    assert increment.severity == "ERROR"


def test_what_a_database_cannot_keep_is_replaced(event: Callable[..., AlertEvent]) -> None:
    """NUL and lone surrogates become U+FFFD, and nothing is longer than its bound."""
    names = [{"pod": f"pod-{n}-\x00" + "x" * 999} for n in range(50)]
    made = [event("a\x00b\ud800" + "y" * 99_999, service="s\x00", attributes=pod) for pod in names]
    [increment] = group_events(made)
    assert increment.sample.message.startswith("a\ufffdb\ufffdy")
    assert increment.sample.service == "s\ufffd"
    assert (len(increment.sample.message), len(increment.pods)) == (LONGEST_SAMPLE, MOST_NAMES)
    assert {len(pod) for pod in increment.pods} == {200}


def test_what_people_may_see_of_an_increment_has_no_secret(event: Callable[..., AlertEvent]) -> None:
    """Title, sample, trace and names are redacted; the numbers that count are not."""
    secret = "AKIAIOSFODNN7EXAMPLE"
    trace = f"a.B: {secret}\n\tat com.acme.X.y(X.java:1)\n"
    made = event(f"key {secret} refused", stack_trace=trace, attributes={"pod": secret, "version": f"v {secret}"})
    [increment] = group_events([made, made])
    assert secret not in repr(increment)
    shown = "[AWS access key ****MPLE]"
    assert (increment.sample.message, increment.pods, increment.count) == (f"key {shown} refused", (shown,), 2)


def test_a_groups_id_does_not_depend_on_what_came_before() -> None:
    """Nothing is learned, so no message is refined away from its group: alone, late or among others it has one id."""

    @given(st.lists(st.text(max_size=40) | st.sampled_from(["The red valve is stuck", "The blue valve is stuck"])))
    def holds(messages: list[str]) -> None:
        assert group_messages(messages) == [group_messages([message])[0] for message in messages]

    holds()


def test_messages_are_grouped_as_alerts_are(event: Callable[..., AlertEvent]) -> None:
    """Of one service and level, a list of messages parts into the groups that its events make, whatever the order."""
    messages = ["disk 1 is full", "no route to 10.0.0.7", "disk 2 is full", "no route to db-2.local"]
    groups = group_messages(messages)
    assert (groups[0], groups[1], len(set(groups))) == (groups[2], groups[3], 2)
    assert group_messages(messages[::-1]) == groups[::-1]
    assert [increment.count for increment in group_events(event(message) for message in messages)] == [2, 2]
