"""The contract of an alert store, for the twin and for Postgres, and that the two never differ."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from include.adapters.slack import MessageReference
from include.alerts.acknowledging import Wanted
from include.alerts.contract import AlertStore
from include.alerts.event import RecordIdentity, quality_event
from include.alerts.fingerprint import VERSION, Fingerprint
from include.alerts.former import message_value
from include.alerts.group import AlertGroup, Shown, State
from include.alerts.grouping import group_events
from include.alerts.mutes import By
from include.alerts.muting import Matcher
from include.alerts.outbox import DONE, Delivery, Kind, Message, Notice, OutboxMessage
from include.alerts.settings import AlertSettings
from include.alerts.store import PostgresAlertStore
from include.alerts.store_memory import InMemoryAlertStore
from include.errors import FencedError
from tests.alert_events import NOON, SHARD, event, increments
from tests.alert_stores import both_stores

SECOND = timedelta(seconds=1)
SETTINGS = AlertSettings()
STORMY = AlertSettings(storm_groups=2)
REFERENCE = MessageReference("C1", "1.0")


def claimed(store: AlertStore, now: datetime) -> OutboxMessage:
    """Return the next message, which there must be."""
    message = store.claim(now, SETTINGS)
    assert message is not None
    return message


@both_stores
def test_a_batch_counts_once(store: AlertStore) -> None:
    """The same batch again changes neither counts nor messages; another batch adds."""
    batch = increments("disk full", "disk full", "no route")
    first = store.apply("b1", batch, NOON, "http://run/1", SETTINGS)
    before = (store.groups(), store.messages())
    again = store.apply("b1", batch, NOON + SECOND, "http://run/2", SETTINGS)
    assert (first.applied, first.groups, first.records, first.opened, again.applied) == (True, 2, 3, 2, False)
    assert (store.groups(), store.messages()) == before
    store.apply("b2", batch, NOON + SECOND, "http://run/2", SETTINGS)
    assert [(group.count, group.batches, group.run_url) for group in store.groups()] == [
        (4, 2, "http://run/2"),
        (2, 2, "http://run/2"),
    ]


@both_stores
def test_records_and_quality_of_one_batch_both_count(store: AlertStore) -> None:
    """The batch's failed suite is told although its records were told before, each in its channel."""
    failed = group_events([quality_event("logs", "suite", {"not_null(a)": "1"}, RecordIdentity("s", "1"), NOON)])
    assert store.apply("b1", increments("disk full"), NOON, None, SETTINGS).applied is True
    assert store.apply("b1", failed, NOON, None, SETTINGS).applied is True
    assert store.apply("b1", failed, NOON, None, SETTINGS).applied is False
    assert [(group.category, group.channel) for group in store.groups()] == [
        ("record", "cali-alerts"),
        ("quality", "cali-quality"),
    ]


@both_stores
def test_a_group_knows_what_came_by_a_replay(store: AlertStore) -> None:
    """Replayed records join the group of the live ones, counted and told apart."""
    one, two = increments("disk full"), increments("disk full", "disk full")
    store.apply("b1", one, NOON, None, SETTINGS)
    store.apply("b1-r1", [replace(increment, replayed=increment.count) for increment in two], NOON, None, SETTINGS)
    assert [(group.count, group.replayed) for group in store.groups()] == [(3, 2)]


@both_stores
def test_a_group_joins_what_its_batches_bring(store: AlertStore) -> None:
    """Time span, origins and the most urgent level are of all batches; the sample is of the first."""
    trace = "a.B\n\tat com.acme.X.y(X.java:1)\n"
    one = increments("one", severity="WARN", stack_trace=trace, attributes={"pod": "b"}, occurred_at=NOON - SECOND)
    two = increments("two", stack_trace=trace, service="orders", attributes={"pod": "a", "version": "Z"})
    store.apply("b1", one, NOON, None, SETTINGS)
    store.apply("b2", two, NOON + SECOND, None, SETTINGS)
    [group] = store.groups()
    assert (group.severity, group.services, group.pods, group.versions) == (
        "ERROR",
        ("orders", "payments"),
        ("a", "b"),
        ("Z",),
    )
    assert (group.first_seen, group.last_seen, group.updated_at) == (NOON - SECOND, NOON, NOON + SECOND)
    assert group.sample.startswith("one\n")


@both_stores
def test_streams_do_not_share_a_group(store: AlertStore) -> None:
    """One fingerprint in two streams is two groups."""
    store.apply("b1", increments("x") + increments("x", stream="transactions"), NOON, None, SETTINGS)
    assert [group.stream for group in store.groups()] == ["logs", "transactions"]


@both_stores
def test_a_quiet_group_is_resolved_and_a_return_reopens_it(store: AlertStore) -> None:
    """There is one group a fingerprint, for good; each step of its life is kept with its reason."""
    store.apply("b1", increments("x"), NOON, None, SETTINGS)
    later = NOON + SETTINGS.quiet_after
    assert [store.settle(later - SECOND, SETTINGS), store.settle(later, SETTINGS)] == [0, 1]
    [resolved] = store.groups()
    assert (resolved.state, resolved.closed_at) == (State.RESOLVED, later)
    store.apply("b2", increments("x"), later + SECOND, None, SETTINGS)
    [group] = store.groups()
    assert (group.state, group.count, group.closed_at, group.occurrences) == (State.REGRESSED, 2, None, 2)
    assert [(moved.before, moved.step.reason, moved.at, moved.batch_id) for moved in store.transitions(group.id)] == [
        (None, "first_sighting", NOON, "b1"),
        (State.NEW, "quiet", later, None),
        (State.RESOLVED, "came_back", later + SECOND, "b2"),
    ]


@both_stores
def test_a_group_of_a_former_version_goes_on_until_it_is_quiet(store: AlertStore) -> None:
    """After an upgrade an open group still counts what is its own, once opened; its next occurrence has the new id."""
    value = message_value("payments", "ERROR", "disk 1 is full")
    [first] = increments("disk 1 is full")
    store.apply("b1", [replace(first, fingerprint=Fingerprint(value, 1, "disk"))], NOON, None, SETTINGS)
    store.apply("b2", increments("no route"), NOON, None, SETTINGS)
    assert store.former(NOON, SETTINGS) == {("logs", value)}
    for batch, at in (("b3", NOON + SECOND), ("b4", NOON + SECOND + SETTINGS.quiet_after)):
        events = [event("disk 2 is full"), event("disk 3 is full")]
        store.apply(batch, group_events(events, former=store.former(at, SETTINGS)), at, None, SETTINGS)
    [former, _, present] = store.groups()
    assert (former.fingerprint, former.count, former.state) == (value, 3, "resolved")
    assert (present.fingerprint_version, present.count, present.state) == (VERSION, 2, "new")
    assert store.former(at, SETTINGS) == frozenset()


@both_stores
def test_a_message_names_the_record_that_made_it(store: AlertStore) -> None:
    """Shard, sequence number and arrival travel with the message, so its latency can be told."""
    store.apply("b1", increments("x", arrived_at=NOON - SECOND), NOON, None, SETTINGS)
    [message] = store.messages()
    cause = (message.cause_shard_id, message.cause_sequence_number, message.cause_sub_sequence)
    assert (cause, message.cause_arrived_at) == ((SHARD, "0", 0), NOON - SECOND)


@both_stores
def test_a_claim_takes_the_message_and_the_channels_slot(store: AlertStore) -> None:
    """Nobody else gets the message, and the channel's next one comes a second later."""
    store.apply("b1", increments("x", "y"), NOON, None, SETTINGS)
    first = claimed(store, NOON)
    assert (first.state, first.attempts, first.unresolved_since) == (Delivery.SENDING, 1, None)
    assert (store.claim(NOON, SETTINGS), store.next_due()) == (None, NOON + SECOND)
    assert claimed(store, NOON + SECOND).id != first.id


@both_stores
def test_claims_go_by_kind_urgency_and_age(store: AlertStore) -> None:
    """First posts before updates, ERROR before WARN, old before new."""
    store.apply("b1", increments("known", severity="FATAL"), NOON, None, SETTINGS)
    store.mark_sent(claimed(store, NOON), REFERENCE, Shown(1, "new"), NOON, SETTINGS)
    now = NOON + 60 * SECOND
    warnings = increments("warning", severity="WARN")
    store.apply("b2", increments("known", severity="FATAL") + warnings, now, None, SETTINGS)
    store.enqueue(Notice("n", "cali-alerts", "ERROR", Message("t", [])), now + SECOND)
    order = []
    for step in range(1, 4):
        message = claimed(store, now + step * SETTINGS.update_pace)
        order.append((message.kind, message.severity_rank))
    assert order == [(Kind.NOTICE, 1), (Kind.OPEN, 2), (Kind.UPDATE, 0)]


@both_stores
def test_a_sent_message_settles_the_groups_account(store: AlertStore) -> None:
    """The group keeps reference and announced count; what came meanwhile is due as one update after the interval."""
    store.apply("b1", increments("x"), NOON, None, SETTINGS)
    message = claimed(store, NOON)
    store.apply("b2", increments("x"), NOON, None, SETTINGS)
    store.mark_sent(message, REFERENCE, Shown(1, "new"), NOON + SECOND, SETTINGS)
    store.apply("b3", increments("x"), NOON + SECOND, None, SETTINGS)
    group = store.group(message.group_id or 0)
    assert (group.slack_channel, group.slack_ts, group.announced_count, group.count) == ("C1", "1.0", 1, 3)
    assert [(m.kind, m.state, m.accepted_ts) for m in store.messages()] == [
        (Kind.OPEN, Delivery.SENT, "1.0"),
        (Kind.UPDATE, Delivery.PENDING, None),
    ]
    assert store.next_due() == NOON + 11 * SECOND


@both_stores
def test_a_lease_that_ended_passes_the_message_on_in_doubt(store: AlertStore) -> None:
    """The next claim knows since when the message may be in Slack; the first claimer is fenced off."""
    store.apply("b1", increments("x"), NOON, None, SETTINGS)
    first = claimed(store, NOON)
    after = NOON + SETTINGS.lease
    assert store.claim(after - SECOND, SETTINGS) is None
    second = claimed(store, after)
    assert (second.attempts, second.unresolved_since) == (2, NOON)
    for late in (
        lambda: store.mark_sent(first, REFERENCE, Shown(1, "new"), after, SETTINGS),
        lambda: store.release(first, "e", after, None),
        lambda: store.park(first, "e", after),
    ):
        with pytest.raises(FencedError):
            late()
    assert store.group(1).announced_count == 0
    third = claimed(store, after + SETTINGS.lease)
    assert (third.attempts, third.unresolved_since) == (3, NOON)
    store.mark_sent(third, REFERENCE, Shown(1, "new"), after, SETTINGS)


@both_stores
def test_a_released_message_waits_for_its_time(store: AlertStore) -> None:
    """It comes back at the time that was named, with its error and what is in doubt."""
    store.apply("b1", increments("x"), NOON, None, SETTINGS)
    store.release(claimed(store, NOON), "refused", NOON + 8 * SECOND, None)
    assert (store.claim(NOON + 7 * SECOND, SETTINGS), store.messages()[0].last_error) == (None, "refused")
    again = claimed(store, NOON + 8 * SECOND)
    assert (again.attempts, again.unresolved_since) == (2, None)


@both_stores
def test_a_parked_message_waits_for_somebody(store: AlertStore) -> None:
    """It is never due, takes no second one beside it, and revive makes it due again."""
    store.apply("b1", increments("x"), NOON, None, SETTINGS)
    store.park(claimed(store, NOON), "channel_not_found", NOON)
    store.apply("b2", increments("x"), NOON + SECOND, None, SETTINGS)
    assert (store.next_due(), [m.state for m in store.messages()]) == (None, [Delivery.PARKED])
    assert [store.revive(NOON, "elsewhere"), store.revive(NOON)] == [0, 1]
    assert claimed(store, NOON + SECOND).attempts == 2


@both_stores
def test_a_channel_that_is_held_gives_nothing_out(store: AlertStore) -> None:
    """Retry-After of one process holds for all; another channel goes on; a shorter hold does not shorten it."""
    store.apply("b1", increments("x"), NOON, None, SETTINGS)
    store.hold_channel("cali-alerts", NOON + 30 * SECOND)
    store.hold_channel("cali-alerts", NOON + 5 * SECOND)
    store.enqueue(Notice("n", "cali-quality", "WARN", Message("t", [])), NOON)
    assert claimed(store, NOON).channel == "cali-quality"
    assert store.claim(NOON + 29 * SECOND, SETTINGS) is None
    assert claimed(store, NOON + 30 * SECOND).channel == "cali-alerts"


@both_stores
def test_an_edit_leaves_room_for_what_is_new(store: AlertStore) -> None:
    """A channel takes an edit only when it has been quiet for longer than a new message has to wait."""
    store.apply("b1", increments("disk full"), NOON, None, SETTINGS)
    store.mark_sent(claimed(store, NOON), REFERENCE, Shown(1, "new"), NOON, SETTINGS)
    store.apply("b2", increments("disk full", "no route"), NOON + SETTINGS.update_interval, None, SETTINGS)
    now = NOON + SETTINGS.update_interval
    assert claimed(store, now).kind is Kind.OPEN
    now += SETTINGS.update_pace
    assert store.next_due() == now
    assert store.claim(now - SECOND, SETTINGS) is None
    assert claimed(store, now).kind is Kind.UPDATE
    store.apply("b3", increments("no disk"), now, None, SETTINGS)
    assert claimed(store, now + SETTINGS.pace).kind is Kind.OPEN


@both_stores
def test_a_notice_waits_once(store: AlertStore) -> None:
    """A second of the same key is refused while the first waits, and taken after it was sent; its text is kept."""
    notice = Notice("missed", "cali-alerts", "ERROR", Message("late", [{"type": "divider"}]))
    assert [store.enqueue(notice, NOON), store.enqueue(notice, NOON)] == [True, False]
    message = claimed(store, NOON)
    assert message.payload == {"text": "late", "blocks": [{"type": "divider"}]}
    store.mark_sent(message, REFERENCE, Shown(0, "new"), NOON, SETTINGS)
    assert store.enqueue(notice, NOON) is True


@both_stores
def test_a_group_that_is_not_there_is_a_key_error(store: AlertStore) -> None:
    """Asking for an unknown number is the caller's mistake."""
    with pytest.raises(KeyError):
        store.group(4711)


def comparable(store: AlertStore) -> tuple[list[AlertGroup], list[OutboxMessage]]:
    """Return all that a store holds, without random keys and with numbers that have no gaps."""
    numbers = {group.id: at for at, group in enumerate(store.groups())}
    groups = [replace(group, id=numbers[group.id]) for group in store.groups()]
    messages = [
        replace(message, message_key="", dedup_key="", id=at, group_id=numbers[message.group_id or 0])
        for at, message in enumerate(store.messages())
    ]
    return groups, messages


def act(store: AlertStore, step: tuple[str, Any], number: int, now: datetime) -> object:
    """Do one random step on a store; return what it answered."""
    name, argument = step
    if name in {"mute", "revive", "settle"}:
        return mute(store, argument or name, now)
    if name == "apply":
        words = [(word, argument.count(word)) for word in sorted(argument)]
        batch = [one for word, many in words for one in increments(*[word] * many, occurred_at=now, arrived_at=now)]
        unique = {increment.fingerprint.value: increment for increment in batch}
        return store.apply(f"b{number % 7}", list(unique.values()), now, None, STORMY)
    message = store.claim(now, STORMY)
    if message is None or argument == "die":
        return message and (message.kind, message.attempts, message.unresolved_since)
    if argument == "sent":
        return store.mark_sent(message, REFERENCE, store.group(message.group_id or 0).shown(), now, STORMY)
    if argument == "release":
        return store.release(message, "e", now + 5 * SECOND, message.unresolved_since)
    return store.park(message, "e", now)


def mute(store: AlertStore, what: str, now: datetime) -> object:
    """Do one of the steps that are nobody's message; return what the store answered."""
    by = By("ann", "deploy")
    steps: dict[str, Callable[[], object]] = {
        "silence": lambda: store.mutes.silence(Matcher(title="re*"), now + 500 * SECOND, by, now),
        "end": lambda: store.mutes.end_silence(1, now),
        "inhibit": lambda: store.mutes.inhibit(Matcher(title="blue"), Matcher(service="pay*"), by, now),
        "lift": lambda: store.mutes.lift(1),
        "acknowledge": lambda: len(store.acknowledge(Wanted(matcher=Matcher(title="g*")), by, now, STORMY)),
        "revive": lambda: store.revive(now),
        "settle": lambda: store.settle(now, STORMY),
    }
    return steps[what]()


STEPS = st.one_of(
    st.tuples(st.just("apply"), st.lists(st.sampled_from(["red", "blue", "green", "black", "white"]), max_size=6)),
    st.tuples(st.just("claim"), st.sampled_from(["sent", "sent", "release", "park", "die"])),
    st.tuples(st.sampled_from(["revive", "settle", "settle"]), st.none()),
    st.tuples(st.just("mute"), st.sampled_from(["silence", "end", "inhibit", "lift", "acknowledge"])),
)


@pytest.mark.integration
@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(STEPS, st.sampled_from([0, 1, 11, 95, 1000])), max_size=25))
def test_twin_and_postgres_never_differ(migrated_uri: str, script: list[tuple[tuple[str, Any], int]]) -> None:
    """Whatever is done to both stores in whatever order, they answer and hold the same."""
    with psycopg.connect(migrated_uri, autocommit=True) as connection:
        connection.execute(
            """truncate cali.alert_batches, cali.alert_groups, cali.slack_channels, cali.alert_silences,
                cali.alert_inhibitions restart identity cascade"""
        )
        real, twin, now = PostgresAlertStore(connection), InMemoryAlertStore(), NOON
        for number, (step, seconds) in enumerate(script):
            now += seconds * SECOND
            assert act(real, step, number, now) == act(twin, step, number, now)
            assert real.next_due() == twin.next_due()
        assert comparable(real) == comparable(twin)
        lives = [[store.transitions(group.id) for group in store.groups()] for store in (real, twin)]
        assert lives[0] == lives[1]
        for group in real.groups():
            waiting = [m for m in real.messages() if m.group_id == group.id and m.state not in DONE]
            told = group.announced_count == group.count or (group.state is State.RESOLVED and not group.announced_at)
            assert told or bool(waiting), "a count that nobody will be told"
