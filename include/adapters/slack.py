"""Slack, as far as CALI needs it: post a message, edit it, find it again."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.client import HTTPException
from socket import gaierror
from typing import Any, Protocol
from urllib.error import URLError

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient, WebhookResponse

from include.errors import CaliError, ConfigurationError, TransientError

log = logging.getLogger(__name__)

METADATA_EVENT = "cali_alert"
# How far Slack's clock may be off ours when a message is looked for.
CLOCK_SKEW = timedelta(minutes=5)
PAGE = 200
DEFAULT_RETRY_AFTER_S = 30.0
TOO_MANY_REQUESTS = 429
SERVER_ERROR = 500

# Slack's own troubles. It may have taken the message before it said so.
_UNSURE = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout", "accesslimited"})
_GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
# What only somebody with rights in Slack, or over the settings, can mend.
_SETUP = frozenset(
    {
        "account_inactive", "channel_not_found", "invalid_auth", "invalid_token", "is_archived", "missing_scope",
        "no_permission", "no_service", "not_authed", "not_in_channel", "org_login_required", "restricted_action",
        "token_expired", "token_revoked", "action_prohibited", "channel_is_archived", "no_team", "team_disabled",
        "ekm_access_denied", "not_allowed_token_type", "two_factor_setup_required", "access_denied",
    }
)  # fmt: skip

Blocks = Sequence[Mapping[str, object]]


class RateLimitedError(TransientError):
    """Slack refused for now and said for how long; it did not take the message."""

    def __init__(self, message: str, retry_after: timedelta) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class OutcomeUnknownError(TransientError):
    """The call broke off after it was sent: Slack may have taken the message. Look for it before sending again."""


class MessageRefusedError(CaliError):
    """Slack will not take this message, now or later; the message names Slack's reason."""

    permanent = True


class MessageGoneError(MessageRefusedError):
    """The message that was to be edited is not there any more, or may not be edited any more: post a new one."""


@dataclass(frozen=True, slots=True)
class MessageReference:
    """Where Slack keeps a message: the channel's id and the time stamp that names it.

    ``ts`` is None where Slack does not tell (webhooks): such a message cannot be edited.
    """

    channel: str
    ts: str | None


@dataclass(frozen=True, slots=True)
class Reply:
    """Where a reply belongs: under which message, and whether the channel sees it too (``broadcast``)."""

    thread: MessageReference
    broadcast: bool = False


class Messenger(Protocol):
    """Brings a message to Slack: at least once, and, with ``find`` before a repetition, once.

    - A method returns when Slack has accepted the call. It does not repeat a call by itself.
    - ``RateLimitedError`` and a plain ``TransientError`` mean that Slack did not take it.
    - ``OutcomeUnknownError`` (a time-out, a broken connection, a 5xx) means that it may have.
    - An error with ``permanent`` set (``ConfigurationError``, ``MessageRefusedError``) means that a repetition
      cannot help until somebody has changed something.
    """

    def post(self, channel: str, text: str, blocks: Blocks, key: str, reply: Reply | None = None) -> MessageReference:
        """Post a message that carries ``key`` (any text that is unique to it), and return where it is.

        With ``reply`` it stands in a thread, in the channel of the thread's first message.
        """

    def update(self, reference: MessageReference, text: str, blocks: Blocks) -> None:
        """Replace a message's content; doing it twice is the same as once.

        Raises:
            MessageGoneError: somebody deleted the message, or the workspace lets nobody edit one of its age.
        """

    def find(
        self, channel: str, key: str, since: datetime, thread: MessageReference | None = None
    ) -> MessageReference | None:
        """Return the message with ``key`` that was posted at ``since`` (aware) or later, or None.

        ``thread`` is the message under which to look instead. None also when the channel's history cannot be read at
        all; that is logged.
        """


class SlackApiMessenger:
    """A ``Messenger`` over Slack's Web API; the bot needs ``chat:write``, and for ``find`` ``channels:history``.

    The client is the messenger's own from now on: its retry handlers are taken away, because they would repeat a
    post whose outcome is unknown. Its time-out must be shorter than the lease of a message.
    """

    def __init__(self, client: WebClient) -> None:
        client.retry_handlers = []
        self._client = client
        self._channel_ids: dict[str, str] = {}

    def post(self, channel: str, text: str, blocks: Blocks, key: str, reply: Reply | None = None) -> MessageReference:
        """Post the message with its key in the metadata, which readers do not see."""
        metadata = {"event_type": METADATA_EVENT, "event_payload": {"key": key}}
        with _explained(f"Slack channel {channel}"):
            answer = self._client.chat_postMessage(
                channel=reply.thread.channel if reply else channel,
                text=text,
                blocks=[dict(block) for block in blocks],
                metadata=metadata,
                unfurl_links=False,
                unfurl_media=False,
                thread_ts=reply.thread.ts if reply else None,
                reply_broadcast=reply.broadcast if reply else None,
            )
        return MessageReference(channel=str(answer["channel"]), ts=str(answer["ts"]))

    def update(self, reference: MessageReference, text: str, blocks: Blocks) -> None:
        """Edit the message in place; Slack keeps its metadata."""
        if reference.ts is None:
            raise MessageGoneError(f"A message in {reference.channel} was posted by a webhook; it cannot be edited")
        with _explained(f"Slack message {reference.channel}/{reference.ts}"):
            self._client.chat_update(
                channel=reference.channel,
                ts=reference.ts,
                text=text,
                blocks=[dict(block) for block in blocks],
            )

    def find(
        self, channel: str, key: str, since: datetime, thread: MessageReference | None = None
    ) -> MessageReference | None:
        """Search the channel's history, newest first, or the thread, back to ``since`` less the clocks' skew."""
        oldest = (since - CLOCK_SKEW).timestamp()
        try:
            with _explained(f"The history of Slack channel {channel}"):
                channel_id = thread.channel if thread else self._channel_id(channel)
                messages = self._history(channel_id, oldest, thread)
                found = next((ts for ts, of in messages if of == key), None)
        except ConfigurationError as error:
            log.warning("history not readable, a message may appear twice channel=%s error=%s", channel, error)
            return None
        return MessageReference(channel_id, found) if found else None

    def _history(
        self, channel_id: str, oldest: float, thread: MessageReference | None
    ) -> Iterator[tuple[str, str | None]]:
        """Yield each message's time stamp and key; a channel comes newest first, a thread oldest first."""
        where: dict[str, Any] = {"oldest": f"{oldest:.6f}", "limit": PAGE, "include_all_metadata": True}
        if thread is not None and thread.ts is not None:
            pages = self._client.conversations_replies(channel=channel_id, ts=thread.ts, **where)
        else:
            pages = self._client.conversations_history(channel=channel_id, **where)
        for page in pages:
            for message in page["messages"]:
                if float(message["ts"]) < oldest and thread is None:
                    return
                yield message["ts"], _key_of(message)

    def _channel_id(self, channel: str) -> str:
        """Return the id of a channel that may be given by name; only ``find`` needs it."""
        name = channel.removeprefix("#")
        if name not in self._channel_ids:
            for page in self._client.conversations_list(
                limit=PAGE, exclude_archived=True, types="public_channel,private_channel"
            ):
                for known in page["channels"]:
                    self._channel_ids[known["name"]] = self._channel_ids[known["id"]] = known["id"]
        return self._channel_ids.get(name, channel)


class SlackWebhookMessenger:
    """A ``Messenger`` over incoming webhooks, one for each channel's name, and ``default`` for every other channel.

    A webhook can neither edit nor search. An update is therefore a new message with the group's whole count, and
    the group's decision spaces updates by ``repeat_interval`` when a reference has no ``ts``. ``find`` finds nothing,
    so a message whose outcome is unknown is sent again: it may appear twice, and is never lost.
    """

    def __init__(self, clients: Mapping[str, WebhookClient], default: WebhookClient | None = None) -> None:
        for client in (*clients.values(), *([default] if default else [])):
            client.retry_handlers = []
        self._clients = clients
        self._default = default

    def post(
        self,
        channel: str,
        text: str,
        blocks: Blocks,
        key: str,  # noqa: ARG002
        reply: Reply | None = None,  # noqa: ARG002
    ) -> MessageReference:
        """Post the message; a webhook has no place for the key, and no threads."""
        self._send(channel, text, blocks)
        return MessageReference(channel=channel, ts=None)

    def update(self, reference: MessageReference, text: str, blocks: Blocks) -> None:
        """Post the message anew."""
        self._send(reference.channel, text, blocks)

    def find(self, *_: object) -> MessageReference | None:
        """Return None: a webhook cannot look."""
        return None

    def _send(self, channel: str, text: str, blocks: Blocks) -> None:
        client = self._clients.get(channel, self._default)
        if client is None:
            raise ConfigurationError(f"No webhook for channel {channel}: add its Connection")
        what = f"The webhook of channel {channel}"
        with _explained(what):
            answer = client.send(text=text, blocks=[dict(block) for block in blocks], unfurl_links=False)
        if answer.status_code != 200:  # noqa: PLR2004 (HTTP's own number)
            raise _refusal(what, answer.status_code, _webhook_reason(answer), answer.headers)


def _key_of(message: Mapping[str, Any]) -> str | None:
    payload = (message.get("metadata") or {}).get("event_payload") or {}
    return payload.get("key")


def _webhook_reason(answer: WebhookResponse) -> str:
    return answer.body.strip()[:100]


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Turn what slack_sdk and urllib raise into CALI's errors; ``what`` names the target in the message."""
    try:
        yield
    except SlackApiError as error:
        answer = error.response
        reason = str(answer.get("error", "")) or f"HTTP {answer.status_code}"
        raise _refusal(what, answer.status_code, reason, answer.headers) from error
    except URLError as error:
        if isinstance(error.reason, (ConnectionRefusedError, gaierror)):
            raise TransientError(f"{what} cannot be reached ({error.reason}); the message waits") from error
        raise OutcomeUnknownError(f"{what} did not answer ({error.reason}); the message waits") from error
    except (OSError, HTTPException) as error:
        raise OutcomeUnknownError(f"{what} broke off ({error!r}); the message waits") from error


def _refusal(what: str, status: int, reason: str, headers: Mapping[str, Any]) -> CaliError:
    """Return the error that an answer other than ok means."""
    if status == TOO_MANY_REQUESTS or reason in {"ratelimited", "rate_limited"}:
        wait = _retry_after(headers)
        return RateLimitedError(f"{what} is rate limited for {wait.total_seconds():g} s", wait)
    if status >= SERVER_ERROR or reason in _UNSURE:
        return OutcomeUnknownError(f"{what} answered {status} {reason}; the message waits")
    if reason in _SETUP:
        return ConfigurationError(f"{what} refused: {reason}. Correct the Connection, the channel or the bot's rights")
    if reason in _GONE:
        return MessageGoneError(f"{what} cannot be edited any more: {reason}")
    return MessageRefusedError(f"{what} refused the message: {reason}")


def _retry_after(headers: Mapping[str, Any]) -> timedelta:
    """Return the header Retry-After in seconds, whatever its case and whether or not it is a list."""
    for name, value in headers.items():
        if name.lower() == "retry-after":
            text = value[0] if isinstance(value, list) else value
            try:
                return timedelta(seconds=max(float(text), 0.0))
            except ValueError:
                break
    return timedelta(seconds=DEFAULT_RETRY_AFTER_S)
