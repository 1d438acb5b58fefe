"""A Slack in memory: the twin of ``include.adapters.slack`` for tests of everything above it."""

from collections import deque
from dataclasses import dataclass
from datetime import datetime

from include.adapters.slack import (
    CLOCK_SKEW,
    Blocks,
    MessageGoneError,
    MessageReference,
    OutcomeUnknownError,
    Reply,
)
from include.errors import ConfigurationError
from include.records import Clock


@dataclass
class PostedMessage:
    """A message as a reader of the channel sees it, and how often it was edited."""

    channel: str
    ts: str
    text: str
    blocks: Blocks
    key: str
    posted_at: datetime
    edits: int = 0
    reply: Reply | None = None


class InMemoryMessenger:
    """A ``Messenger`` whose channels can be looked at and whose calls can be made to fail.

    ``faults`` are raised, first in first out, by the next posts and updates. An ``OutcomeUnknownError`` among them
    is raised after Slack has taken the message, any other error instead of taking it. ``lost`` is like ``faults``,
    for calls that broke off before Slack had them. ``find_faults`` are raised by ``find``.
    """

    def __init__(self, clock: Clock, channels: tuple[str, ...] = ("cali-alerts", "cali-quality")) -> None:
        self.messages: list[PostedMessage] = []
        self.calls: list[tuple[datetime, str, str]] = []
        self.faults: deque[Exception] = deque()
        self.lost: deque[Exception] = deque()
        self.find_faults: deque[Exception] = deque()
        self._clock = clock
        self._channels = channels

    def post(self, channel: str, text: str, blocks: Blocks, key: str, reply: Reply | None = None) -> MessageReference:
        """Keep the message."""
        self._enter("post", channel)
        if channel not in self._channels:
            raise ConfigurationError(f"Slack channel {channel} refused: channel_not_found")
        ts = f"{len(self.messages) + 1:010d}.000000"
        posted = PostedMessage(channel, ts, text, blocks, key, self._clock(), reply=reply)
        fault = self._refuse_or_accept()
        self.messages.append(posted)
        if fault:
            raise fault
        return MessageReference(channel, posted.ts)

    def update(self, reference: MessageReference, text: str, blocks: Blocks) -> None:
        """Replace the kept message's content."""
        self._enter("update", reference.channel)
        known = [message for message in self.messages if MessageReference(message.channel, message.ts) == reference]
        if not known:
            raise MessageGoneError(f"Slack message {reference} cannot be edited any more: message_not_found")
        fault = self._refuse_or_accept()
        known[0].text, known[0].blocks, known[0].edits = text, blocks, known[0].edits + 1
        if fault:
            raise fault

    def find(
        self, channel: str, key: str, since: datetime, thread: MessageReference | None = None
    ) -> MessageReference | None:
        """Return the kept message with ``key``."""
        self._enter("find", channel)
        if self.find_faults:
            raise self.find_faults.popleft()
        for message in self.messages:
            under = message.reply.thread if message.reply else None
            found = (message.channel, message.key, under) == (channel, key, thread)
            if found and message.posted_at >= since - CLOCK_SKEW:
                return MessageReference(channel, message.ts)
        return None

    def _enter(self, call: str, channel: str) -> None:
        self.calls.append((self._clock(), call, channel))

    def _refuse_or_accept(self) -> Exception | None:
        """Raise the next fault if it keeps Slack from taking the message; return one that comes after it did."""
        if self.lost:
            raise self.lost.popleft()
        if not self.faults:
            return None
        fault = self.faults.popleft()
        if isinstance(fault, OutcomeUnknownError):
            return fault
        raise fault
