"""A messenger that reaches some channels by another way, such as a workspace of its own for when the first is gone."""

from collections.abc import Mapping
from datetime import datetime

from include.adapters.slack import Blocks, MessageReference, Messenger, Reply


class MessengerByChannel:
    """A ``Messenger`` that takes ``others`` for the channels that they are named for, and ``usual`` for the rest.

    Edits go the usual way: what the others post is never edited.
    """

    def __init__(self, usual: Messenger, others: Mapping[str, Messenger]) -> None:
        self._usual = usual
        self._others = others

    def post(self, channel: str, text: str, blocks: Blocks, key: str, reply: Reply | None = None) -> MessageReference:
        """Post the message by the channel's messenger."""
        return self._others.get(channel, self._usual).post(channel, text, blocks, key, reply)

    def update(self, reference: MessageReference, text: str, blocks: Blocks) -> None:
        """Edit a message that was posted the usual way."""
        self._usual.update(reference, text, blocks)

    def find(
        self, channel: str, key: str, since: datetime, thread: MessageReference | None = None
    ) -> MessageReference | None:
        """Look for a message by the channel's messenger."""
        return self._others.get(channel, self._usual).find(channel, key, since, thread)
