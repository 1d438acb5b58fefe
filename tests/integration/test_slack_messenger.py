"""The contract of a messenger, for the twin and for Slack's Web API."""

from datetime import timedelta
from uuid import uuid4

import pytest

from include.adapters.slack import MessageGoneError, MessageReference, Messenger, Reply, SlackApiMessenger
from include.adapters.slack_memory import InMemoryMessenger
from include.errors import ConfigurationError
from include.records import utc_now

SLACK = pytest.param("slack", marks=pytest.mark.integration)
both_messengers = pytest.mark.parametrize("messenger", ["memory", SLACK], indirect=True)


@pytest.fixture
def messenger(request: pytest.FixtureRequest) -> Messenger:
    """Return the twin or the real messenger."""
    if request.param == "memory":
        return InMemoryMessenger(utc_now)
    return SlackApiMessenger(request.getfixturevalue("slack_client"))


@both_messengers
def test_a_message_is_posted_found_and_edited(messenger: Messenger) -> None:
    """What was posted is found by its key from its time on, and can be edited, any number of times."""
    key, began = str(uuid4()), utc_now()
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "one"}}]
    reference = messenger.post("cali-alerts", "one", blocks, key)
    assert reference.ts is not None
    messenger.update(reference, "two", blocks)
    messenger.update(reference, "two", blocks)
    assert messenger.find("cali-alerts", key, began) == reference


@both_messengers
def test_what_was_not_posted_is_not_found(messenger: Messenger) -> None:
    """Neither an unknown key, nor in another channel, nor before the time that was asked for."""
    key = str(uuid4())
    messenger.post("cali-alerts", "one", [], key)
    now = utc_now()
    found = [
        messenger.find("cali-alerts", str(uuid4()), now),
        messenger.find("cali-quality", key, now),
        messenger.find("cali-alerts", key, now + timedelta(hours=1)),
    ]
    assert found == [None, None, None]


@both_messengers
def test_a_reply_stands_in_its_thread_and_is_found_there(messenger: Messenger) -> None:
    """Not in the channel, unless one looks for what a reply is under; a second look finds the same one."""
    key, began = str(uuid4()), utc_now()
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "one"}}]
    first = messenger.post("cali-alerts", "one", blocks, str(uuid4()))
    reply = messenger.post("cali-alerts", "back", blocks, key, Reply(first, broadcast=True))
    assert reply.channel == first.channel
    found = [messenger.find("cali-alerts", key, began, thread) for thread in (first, first, None)]
    assert found == [reply, reply, None]


@both_messengers
def test_a_refusal_is_permanent(messenger: Messenger) -> None:
    """An unknown channel and an edit of an unknown message cannot go through later."""
    with pytest.raises(ConfigurationError):
        messenger.post("no-such-channel", "t", [], "k")
    with pytest.raises(MessageGoneError) as caught:
        messenger.update(MessageReference("cali-alerts", "0000000009.999999"), "t", [])
    assert caught.value.permanent is True
