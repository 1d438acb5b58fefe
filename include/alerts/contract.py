"""What a store of alert groups and their messages promises."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from include.adapters.slack import MessageReference
from include.alerts.acknowledging import Wanted
from include.alerts.fingerprint import OpenGroups
from include.alerts.group import AlertGroup, Shown
from include.alerts.grouping import GroupIncrement
from include.alerts.lifecycle import Transition
from include.alerts.mutes import By, Mutes
from include.alerts.outbox import ApplyReport, Notice, OutboxMessage
from include.alerts.settings import AlertSettings


class AlertStore(Protocol):
    """Keeps groups and the messages that tell of them, so that no count is lost or doubled, and no message lost.

    - ``apply`` adds a batch once, however often it is called, and writes the messages to be sent in the same
      transaction as the counts.
    - A message is claimed by one sender at a time, for ``settings.lease``. The claim's ``attempts`` is a fencing
      token: who lost the lease gets a ``FencedError`` and changes nothing.
    - What is held back (``include.alerts.holding``) is not claimed; ``mutes`` say what is.
    - A claim also takes the channel's slot: all senders together claim at most one message a ``settings.pace``.
    """

    @property
    def mutes(self) -> Mutes:
        """Who is to be told of what."""

    def apply(
        self,
        batch_id: str,
        increments: Sequence[GroupIncrement],
        now: datetime,
        run_url: str | None,
        settings: AlertSettings,
    ) -> ApplyReport:
        """Add a batch's increments to their groups and put what is to be told into the outbox.

        The same batch again changes nothing; record and quality increments of one batch are told apart. It joins
        the caller's transaction, if one is open.
        """

    def former(self, now: datetime, settings: AlertSettings) -> OpenGroups:
        """Return the groups that a former version of the fingerprint opened and that are not quiet yet."""

    def enqueue(self, notice: Notice, now: datetime) -> bool:
        """Put a notice into the outbox; false when one of its ``dedup_key`` is still waiting."""

    def settle(self, now: datetime, settings: AlertSettings) -> int:
        """Take every group whose time has come to its next state, and tell of it; return how many there were.

        ``apply`` does the same for groups that are quiet. Each step is kept as a transition, in the same transaction.
        """

    def claim(self, now: datetime, settings: AlertSettings) -> OutboxMessage | None:
        """Take the next message that is due and whose channel is free, or None.

        What is new before updates and notes, urgent before less urgent, old before new; a thread's replies in their
        order. A message whose sender's lease has ended is taken again. ``unresolved_since`` of the result speaks of
        earlier attempts, not of this one.
        """

    def next_due(self, *, updates: bool = True) -> datetime | None:
        """Return when the next message can be claimed (it may be in the past), or None when none waits.

        Without ``updates``, only messages count that tell of something new: no edits and no notes.
        """

    def group(self, group_id: int) -> AlertGroup:
        """Return a group as it is now; ``KeyError`` when there is none of that number."""

    def mark_sent(
        self,
        message: OutboxMessage,
        reference: MessageReference,
        shown: Shown | None,
        now: datetime,
        settings: AlertSettings,
    ) -> None:
        """Record that Slack has the message, and what it shows; queue an update if the group has moved on.

        ``shown`` is None where nobody knows what the message shows.

        Raises:
            FencedError: another sender has claimed the message since.
        """

    def release(
        self, message: OutboxMessage, error: str, retry_at: datetime, unresolved_since: datetime | None
    ) -> None:
        """Give a message back, to be claimed again from ``retry_at`` on; raises ``FencedError`` like ``mark_sent``."""

    def park(self, message: OutboxMessage, error: str, now: datetime) -> None:
        """Put a message aside until ``revive``: Slack will not take it as things are. Raises ``FencedError``."""

    def revive(self, now: datetime, channel: str | None = None) -> int:
        """Make parked messages (of a channel, or all) due again, when the cause is mended; return how many."""

    def hold_channel(self, channel: str, until: datetime) -> None:
        """Let no sender claim a message of the channel before ``until``."""

    def acknowledge(self, wanted: Wanted, by: By, now: datetime, settings: AlertSettings) -> list[int]:
        """Note who is at the open groups that are meant and that nobody is at yet; return their numbers."""

    def transitions(self, group_id: int) -> list[Transition]:
        """Return a group's transitions, oldest first."""

    def groups(self) -> list[AlertGroup]:
        """Return every group, oldest first."""

    def messages(self) -> list[OutboxMessage]:
        """Return every message of the outbox, oldest first."""
