"""Claims about messages: within Slack's limits and harmless, whatever the log holds."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from include.alerts.event import Category
from include.alerts.group import AlertGroup, State
from include.alerts.rendering import fit, render

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WILD = st.text(max_size=400) | st.text(alphabet="`<>&|*_~\n😀x ", max_size=9_000)
NAMES = st.lists(WILD, max_size=20).map(tuple)


def make_group(**fields: object) -> AlertGroup:
    """Return a group with defaults for what is not given."""
    values: dict[str, object] = {
        "id": 1, "stream": "logs", "category": Category.RECORD, "fingerprint": "ab" * 16, "fingerprint_version": 1,
        "severity": "ERROR", "service": "payments", "title": "disk [num] full", "state": State.OPEN, "count": 1234,
        "batches": 2, "first_seen": NOON, "last_seen": NOON + timedelta(hours=2), "opened_at": NOON,
        "updated_at": NOON, "closed_at": None, "services": ("payments",), "pods": ("p-1", "p-2"),
        "versions": ("1.2",), "sample": "disk 7 full\n\tat a.B.c(B.java:1)", "batch_id": "b",
        "run_url": "http://127.0.0.1:8080/dags/logs_process/runs/r 1?a=1&b=2", "channel": "cali-alerts",
        "slack_channel": None, "slack_ts": None, "announced_count": 0, "announced_at": None,
        "latest_shard_id": "s", "latest_sequence_number": "1", "latest_sub_sequence": 0, "latest_arrived_at": NOON,
    }  # fmt: skip
    return AlertGroup(**(values | fields))  # type: ignore[arg-type]


def units(text: str) -> int:
    """Return a text's length as JavaScript counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def texts(blocks: Any) -> list[str]:
    """Return every text of a message's blocks."""
    if isinstance(blocks, dict):
        return [blocks["text"]] if isinstance(blocks.get("text"), str) else texts(list(blocks.values()))
    return [text for item in blocks if isinstance(item, dict | list) for text in texts(item)]


def test_a_message_tells_what_how_often_when_and_where() -> None:
    """Level, service, count, time span, origin, sample and a link to the run are all there."""
    message = render(make_group())
    header, section, sample, context = message.blocks
    assert header["text"]["text"] == "🔴 ERROR payments: disk [num] full"  # type: ignore[index]
    assert [field["text"] for field in section["fields"]] == [  # type: ignore[attr-defined]
        "*Level*\nERROR",
        "*Service*\npayments",
        "*Records*\n1,234",
        "*First seen*\n2026-03-01 12:00:00 UTC",
        "*Last seen*\n2026-03-01 14:00:00 UTC",
        "*Pods*\np-1, p-2",
        "*Versions*\n1.2",
    ]
    assert sample["text"]["text"] == "```\ndisk 7 full\n\tat a.B.c(B.java:1)\n```"  # type: ignore[index]
    assert context["elements"][0]["text"] == (  # type: ignore[index]
        "stream logs · group 1 · fingerprint abababababab · "
        "<http://127.0.0.1:8080/dags/logs_process/runs/r%201?a=1&amp;b=2|Airflow run>"
    )
    assert message.text == (
        "ERROR payments: disk [num] full (1,234 times, 2026-03-01 12:00:00 UTC to 2026-03-01 14:00:00 UTC)"
    )


@hypothesis_settings(deadline=None)
@given(
    service=WILD, title=WILD, sample=WILD, severity=WILD, names=NAMES, run_url=st.none() | WILD.map("http://".__add__)
)
def test_no_log_breaks_a_limit_or_the_fence(
    service: str, title: str, sample: str, severity: str, names: tuple[str, ...], run_url: str | None
) -> None:
    """Slack's limits hold for every block, no text is empty, nothing mentions, and only we open and close the fence."""
    group = make_group(
        service=service, title=title, sample=sample, severity=severity, services=names, pods=names, versions=names,
        run_url=run_url,
    )  # fmt: skip
    message = render(group)
    header, section, fence, context = (texts(block) for block in message.blocks)
    assert (len(header), len(section) <= 10, len(fence), len(context)) == (1, True, 1, 1)
    assert max(map(units, header)) <= 150
    assert max(map(units, section)) <= 2_000
    assert max(map(units, [*fence, *context])) <= 3_000
    assert min(map(len, [*header, *section, *fence, *context])) >= 1
    assert fence[0].split("```")[0::2] == ["", ""]
    unlinked = context[0].partition("<http")[0]
    assert not any("<" in text or ">" in text for text in [*section, *fence, unlinked, message.text])
    assert units(message.text) <= 600
    assert len(json.dumps(message.blocks)) < 60_000


@given(st.text(alphabet="a&<`😀", max_size=60), st.integers(1, 40))
def test_a_cut_text_is_a_beginning_with_an_ellipsis(text: str, limit: int) -> None:
    """What fits is only escaped; what does not is cut between characters, never inside an escape."""
    escapes = {"&": "&amp;", "<": "&lt;"}
    result = fit(text, limit, escapes)
    whole = "".join(escapes.get(character, character) for character in text)
    if units(whole) <= limit:
        assert result == (whole or "-")
    else:
        beginnings = ["".join(escapes.get(c, c) for c in text[:n]) + "…" for n in range(len(text))]
        assert (result in beginnings, units(result) <= limit) == (True, True)


@pytest.mark.parametrize(("replayed", "sign"), [(1234, "🔴 [replay] ERROR"), (34, "🔴 ERROR")])
def test_a_message_says_what_a_replay_brought(replayed: int, sign: str) -> None:
    """How many of the records are a replay's is told, and a message of nothing else begins with it."""
    message = render(make_group(replayed=replayed))
    header, section, *_ = message.blocks
    assert header["text"]["text"].startswith(sign)  # type: ignore[index]
    assert f"*Of a replay*\n{replayed:,}" in [field["text"] for field in section["fields"]]  # type: ignore[attr-defined]
    assert f"(1,234 times, {replayed:,} of a replay, " in message.text


def test_a_link_that_is_no_web_address_is_left_out() -> None:
    """A URL comes from a setting; only http and https become a link."""
    message = render(make_group(run_url="javascript:alert(1)"))
    assert "javascript" not in json.dumps(message.blocks)


def test_a_long_trace_shows_its_head() -> None:
    """Twenty lines, and how many more there are."""
    [fence] = texts(render(make_group(sample="\n".join(f"line {n}" for n in range(50)))).blocks[2])
    assert fence.splitlines()[-3:] == ["line 19", "… 30 more lines", "```"]
