"""What is held back, and what is said of it: the contract of both stores, and that nothing is lost by it."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from include.adapters.slack import MessageReference
from include.alerts.acknowledging import Wanted
from include.alerts.contract import AlertStore
from include.alerts.event import Category
from include.alerts.group import AlertGroup, State
from include.alerts.mutes import By
from include.alerts.muting import Matcher
from include.alerts.outbox import Delivery, Kind
from include.alerts.rendering import render
from include.alerts.settings import AlertSettings
from include.alerts.store_memory import InMemoryAlertStore
from tests.alert_events import NOON, increments
from tests.alert_stores import both_stores

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
SETTINGS = AlertSettings()
BY = By("ann", "deploy")
WORDS = (*(f"{letter} is red" for letter in "abcdefghijkl"), *(f"{letter} is blue" for letter in "abcdefghijk"), "red")


class Desk:
    """A store with a clock: batches come in, messages are claimed and taken by Slack at once."""

    def __init__(self, store: AlertStore, settings: AlertSettings = SETTINGS) -> None:
        self.store = store
        self.settings = settings
        self.now = NOON
        self._batches = 0

    def take(self, *messages: str, **fields: Any) -> None:
        """Apply a batch of records of now."""
        self._batches += 1
        times = {"occurred_at": self.now, "arrived_at": self.now}
        batch = increments(*messages, **(times | fields))
        self.store.apply(f"b{self._batches}", batch, self.now, None, self.settings)

    def sent(self, within: timedelta = MINUTE) -> list[str]:
        """Send what can be sent within a time, and return each message's kind with its group's title."""
        end = self.now + within
        sent = []
        while self.now < end:
            message = self.store.claim(self.now, self.settings)
            if message is not None:
                group = self.store.group(message.group_id or 0)
                sent.append(f"{message.kind} {group.title}")
                reference = MessageReference("C1", message.accepted_ts or group.slack_ts or f"{message.id}.0")
                self.store.mark_sent(message, reference, group.shown(), self.now, self.settings)
            self.now += SECOND
        return sent

    def settle(self, after: timedelta = timedelta(0)) -> None:
        """Let time pass, and sweep."""
        self.now += after
        self.store.settle(self.now, self.settings)

    def group(self, title: str) -> AlertGroup:
        """Return the group of a title."""
        [found] = [group for group in self.store.groups() if group.title == title]
        return found

    def of(self, category: Category) -> list[AlertGroup]:
        """Return the groups of a category."""
        return [group for group in self.store.groups() if group.category is category]


@both_stores
def test_a_silence_holds_back_and_what_goes_on_follows_when_it_ends(store: AlertStore) -> None:
    """Its own message counts what it holds back; afterwards the group's message tells of all of it."""
    desk = Desk(store)
    store.mutes.silence(Matcher(title="red*"), NOON + 10 * MINUTE, BY, NOON)
    desk.take("red", "red", "blue")
    assert desk.sent() == ["open blue"]
    desk.settle()
    [silence] = desk.of(Category.SILENCE)
    assert (silence.count, silence.holding) == (2, "2 more in 1 service (1 group)")
    assert desk.sent() == [f"open {silence.title}"]
    assert silence.title == "Silenced by ann until 2026-03-01 12:10 UTC: deploy"
    desk.take("red")
    desk.settle(9 * MINUTE)
    assert "open red" in desk.sent()
    assert (desk.group("red").announced_count, desk.of(Category.SILENCE)[0].state) == (3, State.RESOLVED)


@both_stores
def test_a_silence_by_sql_or_form_reaches_messages_that_wait(store: AlertStore) -> None:
    """A sweep after it is enough: the message that was in the outbox before is not sent."""
    desk = Desk(store)
    desk.take("red")
    store.mutes.silence(Matcher(service="PAY*"), NOON + MINUTE, BY, NOON)
    desk.settle()
    assert store.claim(NOON, SETTINGS) is None or store.messages()[0].state is Delivery.PENDING
    assert store.mutes.end_silence(1, desk.now) is True
    assert store.mutes.end_silence(1, desk.now) is False
    desk.settle(SECOND)
    assert "open red" in desk.sent()


@both_stores
def test_what_is_over_before_its_silence_needs_no_message(store: AlertStore) -> None:
    """It is counted, its message is withdrawn, and a return has a first message like any other."""
    desk = Desk(store)
    store.mutes.silence(Matcher(title="red"), NOON + 60 * MINUTE, BY, NOON)
    desk.take("red")
    desk.settle(SETTINGS.quiet_after)
    assert [(m.kind, m.state) for m in store.messages() if m.group_id == 1] == [(Kind.OPEN, Delivery.WITHDRAWN)]
    assert (desk.group("red").state, desk.group("red").held_by) == (State.RESOLVED, None)
    desk.now += 60 * MINUTE
    desk.take("red")
    assert "open red" in desk.sent()


@both_stores
def test_a_message_that_is_there_already_says_that_it_is_silenced(store: AlertStore) -> None:
    """It is edited and goes on counting; nobody is notified by an edit."""
    desk = Desk(store)
    desk.take("red")
    desk.sent()
    store.mutes.silence(Matcher(title="red"), desk.now + 10 * MINUTE, BY, desk.now)
    desk.settle()
    assert desk.sent() == ["update red"]
    assert "🔕 silenced by ann" in str(render(desk.group("red")).blocks)
    desk.take("red")
    assert desk.sent() == ["update red"]


@both_stores
def test_a_cause_mutes_what_hangs_on_it_and_says_so(store: AlertStore) -> None:
    """While the database's group is open its dependants are counted in its message; afterwards they have their own."""
    desk = Desk(store)
    store.mutes.inhibit(Matcher(service="db"), Matcher(service="payments"), BY, NOON)
    desk.take("connection refused", service="db")
    desk.take("red", "blue", "blue")
    desk.settle()
    assert desk.sent() == ["open connection refused"]
    cause = desk.group("connection refused")
    assert cause.holding == "3 more in 1 service (2 groups)"
    assert "🔇 holds back 3 more in 1 service (2 groups)" in str(render(cause).blocks)
    desk.now += 25 * MINUTE
    desk.take("red")
    desk.settle(8 * MINUTE)
    assert desk.group("connection refused").state is State.RESOLVED
    desk.settle()
    assert "open red" in desk.sent()
    assert (desk.group("red").announced_count, desk.group("connection refused").holding) == (2, "")


@both_stores
def test_a_cause_in_the_same_batch_mutes_as_well(store: AlertStore) -> None:
    """The order of the records within a batch does not matter."""
    desk = Desk(store)
    store.mutes.inhibit(Matcher(title="no disk"), Matcher(title="no write"), BY, NOON)
    desk.take("no write", "no disk")
    assert desk.sent() == ["open no disk"]


@both_stores
def test_of_two_that_mute_each_other_one_is_told(store: AlertStore) -> None:
    """Two inhibitions in a circle do not silence everything."""
    desk = Desk(store)
    store.mutes.inhibit(Matcher(title="red"), Matcher(title="blue"), BY, NOON)
    store.mutes.inhibit(Matcher(title="blue"), Matcher(title="red"), BY, NOON)
    desk.take("red", "blue")
    assert desk.sent() == ["open blue"]
    assert store.mutes.lift(1) is True
    assert [store.mutes.lift(1), store.mutes.lift(9)] == [False, False]


@both_stores
def test_an_acknowledged_group_shows_who_is_at_it(store: AlertStore) -> None:
    """An edit and a reply; whoever was first stands, and the next occurrence is nobody's."""
    desk = Desk(store)
    desk.take("red", "blue")
    desk.sent()
    number = desk.group("red").id
    assert store.acknowledge(Wanted(number=number), BY, desk.now, SETTINGS) == [number]
    assert store.acknowledge(Wanted(number=number), By("bob", ""), desk.now, SETTINGS) == []
    assert sorted(desk.sent()) == ["note red", "update red"]
    assert (desk.group("red").acknowledged_by, desk.group("blue").acknowledged_by) == ("ann", None)
    assert store.transitions(number)[-1].step.said == "ann is at it: deploy"
    desk.settle(SETTINGS.quiet_after)
    assert desk.group("red").acknowledged_by is None


@both_stores
def test_a_storm_is_one_summary_and_what_goes_on_follows(store: AlertStore) -> None:
    """Twenty-four groups at once: one message that counts all of them; later those that still come, and only those."""
    desk = Desk(store)
    desk.take(*WORDS, "red")
    [storm] = desk.of(Category.STORM)
    assert (storm.count, storm.holding) == (25, "25 more in 1 service (24 groups)")
    assert desk.sent() == ["open 24 problems at once, told together"]
    desk.take("red")
    desk.settle(MINUTE)
    assert [line for line in desk.sent() if line.startswith("open")] == ["open red"]
    desk.settle(SETTINGS.quiet_after)
    desk.settle()
    [storm] = desk.of(Category.STORM)
    assert (storm.state, {group.held_by for group in store.groups()}) == (State.RESOLVED, {None})
    assert len([message for message in store.messages() if message.state is Delivery.WITHDRAWN]) == 23


@both_stores
def test_as_many_as_are_no_storm_are_told_one_by_one(store: AlertStore) -> None:
    """Twenty new groups in a minute are twenty messages; the next one makes it a storm, for those that still wait."""
    desk = Desk(store)
    desk.take(*WORDS[:20])
    assert len(desk.sent(10 * SECOND)) == 10
    assert desk.of(Category.STORM) == []
    desk.take(WORDS[20])
    [storm] = desk.of(Category.STORM)
    assert storm.holding == "11 more in 1 service (11 groups)"


@both_stores
def test_a_second_storm_is_the_same_message_again(store: AlertStore) -> None:
    """It is reopened, as any group is, and says so."""
    desk = Desk(store)
    desk.take(*WORDS)
    desk.sent()
    desk.settle(SETTINGS.quiet_after)
    desk.settle()
    assert desk.of(Category.STORM)[0].state is State.RESOLVED
    desk.sent()
    desk.now += 60 * MINUTE
    desk.take(*(f"{word} again" for word in WORDS))
    [storm] = desk.of(Category.STORM)
    assert storm.state is State.REGRESSED
    assert "call 24 problems at once, told together" in desk.sent()


@both_stores
def test_a_backlog_is_told_with_its_time_span(store: AlertStore) -> None:
    """Four kinds of records that lay in the stream for hours are one summary, and old ones never follow."""
    desk = Desk(store)
    old = NOON - timedelta(hours=3)
    for minutes, word in enumerate(WORDS[:4]):
        at = old + minutes * MINUTE
        desk.take(word, occurred_at=at, arrived_at=at)
    desk.take("fresh")
    told = desk.sent()
    assert "open fresh" in told
    [storm] = desk.of(Category.STORM)
    assert f"open {storm.title}" in told
    assert (f"{storm.first_seen:%H:%M}", storm.held_by) == ("09:00", None)
    desk.settle(2 * MINUTE)
    assert not [line for line in desk.sent() if line.startswith("open")]


def urgent(messages: Iterable[str]) -> list[str]:
    """Return the first messages among those that were sent."""
    return [message for message in messages if message.startswith("open ")]


@hypothesis_settings(deadline=None, max_examples=30)
@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from(WORDS), max_size=24),
            st.sampled_from(["", "silence", "end", "inhibit", "lift", "acknowledge"]),
            st.sampled_from([1, 70, 400, 2_000]),
        ),
        max_size=10,
    )
)
def test_nothing_that_is_held_back_is_lost(script: list[tuple[list[str], str, int]]) -> None:
    """When all is quiet, each record is told or its group was over before; no group has two first messages."""
    desk = Desk(InMemoryAlertStore(), AlertSettings(storm_groups=3))
    put = 0
    told: list[str] = []
    for words, mute, seconds in script:
        do(desk.store, mute, desk.now)
        desk.take(*words)
        put += len(words)
        told += desk.sent(5 * SECOND)
        desk.settle(seconds * SECOND)
    do(desk.store, "end", desk.now)
    do(desk.store, "lift", desk.now)
    for _ in range(4):
        desk.settle(SETTINGS.quiet_after)
        told += desk.sent(10 * MINUTE)
    records = [group for group in desk.store.groups() if group.category is Category.RECORD]
    assert sum(group.count for group in records) == put
    assert {group.state for group in desk.store.groups()} <= {State.RESOLVED}
    assert all(group.announced_count == group.count for group in records if group.announced_at)
    assert [message for message in desk.store.messages() if message.state in {Delivery.PENDING, Delivery.SENDING}] == []
    first = urgent(told)
    assert len({message.split(" ", 1)[1] for message in first if message[5:] in WORDS}) == len(
        [message for message in first if message[5:] in WORDS]
    )


def do(store: AlertStore, what: str, now: datetime) -> None:
    """Mute something, or take it back."""
    if what == "silence":
        store.mutes.silence(Matcher(title="*red"), now + 30 * MINUTE, BY, now)
    elif what == "inhibit":
        store.mutes.inhibit(Matcher(title="*red"), Matcher(title="*blue"), BY, now)
    elif what == "acknowledge":
        store.acknowledge(Wanted(matcher=Matcher(level="error")), BY, now, SETTINGS)
    elif what:
        for number in range(1, 20):
            _ = store.mutes.end_silence(number, now) if what == "end" else store.mutes.lift(number)


@pytest.mark.parametrize(
    ("matcher", "matches"),
    [
        (Matcher(service="pay*"), True),
        (Matcher(service="PAYMENTS", level="error"), True),
        (Matcher(service="pay"), False),
        (Matcher(title="disk [num] *"), True),
        (Matcher(title="disk 7 *"), False),
        (Matcher(fingerprint="abababab"), True),
        (Matcher(fingerprint="ABABABABABAB", stream="other"), False),
    ],
)
def test_a_matcher_means_what_people_write(matcher: Matcher, matches: bool) -> None:
    """A star is anything, brackets are themselves, case does not matter, a fingerprint may be shortened."""
    from tests.include.alerts.test_rendering import make_group

    assert matcher.matches(make_group(title="disk [num] full")) is matches
