"""Claims about the decision what to tell of a group."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from include.alerts.event import Category
from include.alerts.group import Action, AlertGroup, Decision, State, decide
from include.alerts.settings import AlertSettings


@pytest.fixture
def group(noon: datetime) -> AlertGroup:
    """A group of five records, all of them told of at noon."""
    return AlertGroup(
        id=1, stream="logs", category=Category.RECORD, fingerprint="f" * 32, fingerprint_version=1,
        severity="ERROR", service="payments", title="t", state=State.NEW, count=5, batches=1, first_seen=noon,
        last_seen=noon, opened_at=noon, updated_at=noon, closed_at=None, services=("payments",), pods=(),
        versions=(), sample="s", batch_id="b", run_url=None, channel="cali-alerts", slack_channel="C1",
        slack_ts="1.0", announced_count=5, announced_at=noon, latest_shard_id="s", latest_sequence_number="1",
        latest_sub_sequence=0, latest_arrived_at=noon,
    )  # fmt: skip


def test_a_group_that_nobody_was_told_of_is_posted_at_once(
    group: AlertGroup, noon: datetime, settings: AlertSettings
) -> None:
    """The first sighting waits for nothing."""
    new = replace(group, announced_at=None, announced_count=0, slack_ts=None)
    assert decide(new, noon, settings) == Decision(Action.OPEN, "first_sighting", noon)


def test_a_count_that_is_told_needs_no_message(group: AlertGroup, noon: datetime, settings: AlertSettings) -> None:
    """Nothing new, nothing to say."""
    assert decide(group, noon, settings) == Decision(Action.NOTHING, "nothing_new", noon)


def test_more_of_the_same_waits_for_the_interval(group: AlertGroup, noon: datetime, settings: AlertSettings) -> None:
    """An update is due ten seconds after the last, or now when that has passed."""
    more = replace(group, count=6)
    due = noon + timedelta(seconds=10)
    early = decide(more, noon + timedelta(seconds=3), settings)
    assert early == Decision(Action.UPDATE, "within_interval", due)
    assert decide(more, due, settings) == Decision(Action.UPDATE, "interval_passed", due)


def test_a_message_that_cannot_be_edited_is_repeated_rarely(
    group: AlertGroup, noon: datetime, settings: AlertSettings
) -> None:
    """Behind a webhook every update is a new message, so there is one an hour."""
    more = replace(group, count=6, slack_ts=None)
    assert decide(more, noon, settings).due_at == noon + timedelta(hours=1)


def test_another_state_is_shown_at_once(group: AlertGroup, noon: datetime, settings: AlertSettings) -> None:
    """A state that people act on waits for no interval, with or without a message that can be edited."""
    resolved = replace(group, state=State.RESOLVED)
    expected = Decision(Action.UPDATE, "looks_different", noon)
    assert expected == decide(resolved, noon, settings) == decide(replace(resolved, slack_ts=None), noon, settings)


def test_growing_old_is_no_edit(group: AlertGroup, noon: datetime, settings: AlertSettings) -> None:
    """A group that is ongoing instead of new gives nobody a reason to look."""
    assert decide(replace(group, state=State.ONGOING), noon, settings) == Decision(Action.NOTHING, "nothing_new", noon)


def test_somebody_at_it_is_shown_at_once(group: AlertGroup, noon: datetime, settings: AlertSettings) -> None:
    """An acknowledgement is an edit of its own."""
    taken = replace(group, acknowledged_by="ann", acknowledged_at=noon)
    assert decide(taken, noon, settings) == Decision(Action.UPDATE, "looks_different", noon)
