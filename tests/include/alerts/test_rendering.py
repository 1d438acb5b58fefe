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
from include.alerts.lifecycle import Step, Transition
from include.alerts.mrkdwn import fit, span
from include.alerts.rates import Trend, minute_of
from include.alerts.rendering import needs_details, render, render_details, render_transition
from include.alerts.routing import Links

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WILD = st.text(max_size=400) | st.text(alphabet="`<>&|*_~\n😀x ", max_size=9_000)
NAMES = st.lists(WILD, max_size=20).map(tuple)


def make_group(**fields: object) -> AlertGroup:
    """Return a group with defaults for what is not given."""
    values: dict[str, object] = {
        "id": 1, "stream": "logs", "category": Category.RECORD, "fingerprint": "ab" * 16, "fingerprint_version": 1,
        "severity": "ERROR", "service": "payments", "title": "disk [num] full", "state": State.NEW, "count": 1234,
        "said": "seen for the first time",
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
    message = render(make_group(trend=Trend(minute_of(NOON), (1, 0, 7))))
    header, status, section, sample, trend, context = message.blocks
    assert header["text"]["text"] == "🔴 ERROR payments: disk [num] full"  # type: ignore[index]
    assert status["text"]["text"] == "*New* seen for the first time"  # type: ignore[index]
    assert [field["text"] for field in section["fields"]] == [  # type: ignore[attr-defined]
        "*Records*\n1,234",
        "*Rate*\n1.6 a minute",
        "*Service*\npayments",
        "*First seen*\n2026-03-01 12:00:00 UTC",
        "*Last seen*\n2026-03-01 14:00:00 UTC",
        "*Pods*\np-1, p-2",
        "*Versions*\n1.2",
    ]
    assert sample["text"]["text"] == "```\ndisk 7 full\n\tat a.B.c(B.java:1)\n```"  # type: ignore[index]
    assert trend["elements"][0]["text"] == "▂▁█ 12:00 to 12:03 UTC"  # type: ignore[index]
    assert context["elements"][0]["text"] == (  # type: ignore[index]
        "stream logs · group 1 · fingerprint abababababab · "
        "<http://127.0.0.1:8080/dags/logs_process/runs/r%201?a=1&amp;b=2|Airflow run> · batch b"
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
        run_url=run_url, said=title, acknowledged_by=service, acknowledged_why=sample,
    )  # fmt: skip
    message = render(group)
    header, status, section, fence, context = (texts(block) for block in message.blocks)
    assert (len(header), len(status), len(section) <= 10, len(fence), len(context)) == (1, 1, True, 1, 1)
    assert max(map(units, header)) <= 150
    assert max(map(units, section)) <= 2_000
    assert max(map(units, [*status, *fence, *context])) <= 3_000
    assert min(map(len, [*header, *status, *section, *fence, *context])) >= 1
    assert fence[0].split("```")[0::2] == ["", ""]
    unlinked = context[0].partition("<http")[0]
    assert not any("<" in text or ">" in text for text in [*status, *section, *fence, unlinked, message.text])
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
    header, _, section, *_ = message.blocks
    assert header["text"]["text"].startswith(sign)  # type: ignore[index]
    assert f"*Of a replay*\n{replayed:,}" in [field["text"] for field in section["fields"]]  # type: ignore[attr-defined]
    assert f"(1,234 times, {replayed:,} of a replay, " in message.text


def test_batch_and_record_are_linked_where_somebody_says_how() -> None:
    """The addresses come from the settings; what stands in them of the group is quoted."""
    links = Links("https://s3/x?key={batch_id}", "https://r/{stream}/{shard_id}/{sequence_number}/{sub_sequence}")
    origin = texts(render(make_group(batch_id="b/1", run_url=None), links).blocks[-1])[0]
    assert origin.endswith("<https://s3/x?key=b%2F1|batch> · <https://r/logs/s/1/0|record>")


def test_a_link_that_is_no_web_address_is_left_out() -> None:
    """A URL comes from a setting; only http and https become a link."""
    message = render(make_group(run_url="javascript:alert(1)"))
    assert "javascript" not in json.dumps(message.blocks)


def test_a_long_trace_shows_its_head_and_the_thread_has_the_rest() -> None:
    """The message has eight lines and says how many more there are; the reply has them all, and where they lie."""
    group = make_group(sample="\n".join(f"line {n}" for n in range(50)))
    fence = texts(render(group).blocks[3])[0]
    assert fence.splitlines()[-3:] == ["line 7", "… 42 more lines", "```"]
    whole, origin = (texts([block])[0] for block in render_details(group).blocks)
    assert whole.splitlines()[-2:] == ["line 49", "```"]
    assert origin == "batch b · record s / 1 / 0"
    assert (needs_details(group), needs_details(make_group())) == (True, False)


@pytest.mark.parametrize(
    ("state", "header", "status", "text"),
    [
        (State.ESCALATING, "🔴 ERROR", "*Escalating* so it is", "Escalating: ERROR payments"),
        (State.RESOLVED, "✅ ERROR", "*Resolved* so it is", "Resolved: ERROR payments"),
        (State.REGRESSED, "🔴 ERROR", "*Back* so it is", "Back: ERROR payments"),
        (State.ONGOING, "🔴 ERROR", "*Ongoing* so it is", "ERROR payments"),
    ],
)
def test_a_message_says_where_its_group_is(state: State, header: str, status: str, text: str) -> None:
    """The state stands in the sign, in a line of its own, and in the notification where it matters."""
    message = render(make_group(state=state, said="so it is"))
    shown = (texts(message.blocks[0])[0], texts(message.blocks[1])[0], message.text)
    assert [one.startswith(begin) for one, begin in zip(shown, (header, status, text), strict=True)] == [True] * 3


def test_a_message_says_who_is_at_it() -> None:
    """An acknowledgement shows the name and the words."""
    message = render(make_group(acknowledged_by="ann", acknowledged_why="on it <@U1>"))
    assert texts(message.blocks[1])[0].splitlines()[1] == "👀 ann: on it &lt;@U1&gt;"


def test_a_reply_tells_of_one_step() -> None:
    """What happened, in words, and how many records there are by then; without blocks also of which group."""
    moved = Transition(State.RESOLVED, Step(State.REGRESSED, "came_back", "after 3 h, since version 2"), NOON)
    message = render_transition(make_group(state=State.REGRESSED), moved)
    assert texts(message.blocks) == ["🔴 *Back* after 3 h, since version 2 · 1,234 in all"]
    assert message.text == ("Back: after 3 h, since version 2 (1,234 in all): 🔴 ERROR payments: disk [num] full")


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (61, "1 min 1 s"), (11_520, "3 h 12 min"), (200_000, "2 d 7 h")]
)
def test_a_duration_is_said_in_two_units(seconds: int, words: str) -> None:
    """Nobody needs the seconds of three hours."""
    assert span(timedelta(seconds=seconds)) == words
