"""Messages as Slack lays them out on a phone: the part of Block Kit and mrkdwn that CALI uses, as a page."""

from __future__ import annotations

import re
from html import escape, unescape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

STYLE = """
body { margin: 0; width: 390px; font: 15px/1.45 'DejaVu Sans', Lato, sans-serif; color: #1d1c1d; background: #fff }
.message { padding: 10px 14px; border-bottom: 1px solid #e8e8e8; overflow-wrap: anywhere }
.reply { margin-left: 26px; border-left: 3px solid #ddd }
.name { font-weight: 700; font-size: 13px } .note { color: #616061; font-size: 12px; font-weight: 400 }
h3 { font-size: 17px; margin: 4px 0 } .fields { display: grid; grid-template-columns: 1fr 1fr; gap: 4px 12px }
.section { margin: 5px 0 } .context { color: #616061; font-size: 12px; margin: 5px 0 }
pre { font: 11px/1.4 'DejaVu Sans Mono', monospace; background: #f8f8f8; border: 1px solid #ddd; border-radius: 4px;
      padding: 6px; margin: 4px 0; white-space: pre-wrap }
i { font-style: normal } a { color: #1264a3; text-decoration: none }
"""


SIGNS = {
    "🔴": "<i style='color:#dd2e44'>●</i>",
    "🟡": "<i style='color:#fdcb58'>●</i>",
    "🔵": "<i style='color:#55acee'>●</i>",
    "🔥": "<i style='color:#f4900c'>▲</i>",
    "✅": "<i style='color:#36a64f'>✔</i>",
    "🔕": "<i style='color:#aa8800'>⊘</i>",
    "🔇": "<i style='color:#616061'>⊘</i>",
    "🌩️": "<i style='color:#616061'>☁</i>",
    "🚨": "<i style='color:#dd2e44'>▲</i>",
    "🟢": "<i style='color:#36a64f'>●</i>",
    "📊": "<i style='color:#1264a3'>▦</i>",
    "👀": "<i style='color:#1264a3'>◉</i>",
}
"""What stands for an emoji where no font has it; Slack has its own pictures."""


def page(messages: Iterable[Mapping[str, Any]]) -> str:
    """Return a page of messages as ``conversations.history`` and ``conversations.replies`` return them, in order."""
    body = "".join(_message(message) for message in messages)
    for emoji, sign in SIGNS.items():
        body = body.replace(emoji, sign)
    return f"<!doctype html><meta charset=utf-8><style>{STYLE}</style><body>{body}"


def _message(message: Mapping[str, Any]) -> str:
    is_reply = message.get("thread_ts", message["ts"]) != message["ts"]
    where = "in the thread, and in the channel" if message.get("reply_broadcast") else "in the thread"
    note = f" <span class=note>{where if is_reply else ''}</span>"
    blocks = "".join(_block(block) for block in message["blocks"])
    return f"<div class='message{' reply' if is_reply else ''}'><div class=name>CALI{note}</div>{blocks}</div>"


def _block(block: Mapping[str, Any]) -> str:
    if block["type"] == "header":
        return f"<h3>{escape(block['text']['text'])}</h3>"
    if block["type"] == "context":
        return f"<div class=context>{' '.join(_mrkdwn(element['text']) for element in block['elements'])}</div>"
    if "fields" in block:
        fields = "".join(f"<div>{_mrkdwn(field['text'])}</div>" for field in block["fields"])
        return f"<div class='section fields'>{fields}</div>"
    return f"<div class=section>{_mrkdwn(block['text']['text'])}</div>"


def _mrkdwn(text: str) -> str:
    """Return mrkdwn as HTML: fences, links, bold and code; the rest is text."""
    plain_and_code = enumerate(text.split("```"))
    drawn = (_code(part) if at % 2 else _inline(part) for at, part in plain_and_code)
    return "".join(drawn)


def _code(text: str) -> str:
    return f"<pre>{escape(unescape(text.strip()))}</pre>"


def _inline(text: str) -> str:
    linked = re.sub(r"<(https?://[^|>]+)\|([^>]+)>", r"<a href='\1'>\2</a>", text)
    bold = re.sub(r"(?<![\w*])\*([^*\n]+)\*(?![\w*])", r"<b>\1</b>", linked)
    coded = re.sub(r"`([^`\n]+)`", r"<code>\1</code>", bold)
    return coded.strip("\n").replace("\n", "<br>")
