"""What a crash test plans, where it sends its signal, and what it calls wrong."""

import signal
from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.crash.campaign import DISPATCH, EVERYTHING, Part, PartLog, plan
from tests.crash.child import Step
from tests.crash.fuse import Fuse
from tests.crash.points import OF_DISPATCH, Point
from tests.crash.table import COLUMNS, Line, render
from tests.crash.verdict import AlertVerdict, Verdict, judge_alerts


@given(kills=st.integers(1, 5_000), seed=st.integers())
def test_every_number_of_kills_is_shared_out(kills: int, seed: int) -> None:
    """No kill is lost, half of them are at random, and the points' shares differ by one at most."""
    parts = plan(kills, Random(seed))
    shares = Counter({part.point: part.kills for part in parts})
    of_points = [shares[point] for point in Point]
    assert (shares.total(), shares[None]) == (kills, kills // 2)
    assert max(of_points) - min(of_points) <= 1


def test_a_focus_kills_at_its_own_points_alone() -> None:
    """Between outbox and Slack it is the steps of dispatch, and what a random kill needs is done before it."""
    parts = plan(200, Random(1), DISPATCH.points)
    assert {part.point for part in parts} == {*OF_DISPATCH, None}
    assert (EVERYTHING.before_random, DISPATCH.before_random) == ((), (Step.DRAIN, Step.VALIDATE, Step.ALERT))


def test_a_seed_repeats_its_plan() -> None:
    """Where there are fewer kills than points, the same seed chooses the same points, another seed others."""
    assert plan(9, Random(1)) == plan(9, Random(1))
    assert plan(9, Random(1)) != plan(9, Random(2))


def test_the_signal_comes_at_the_nth_time_and_only_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither another point nor another occurrence sends it."""
    sent: list[int] = []
    monkeypatch.setattr("os.kill", lambda _, number: sent.append(number))
    fuse = Fuse(Point.READ, 2, signal.SIGSTOP)
    seen = []
    for point in (Point.DRAINED, Point.READ, Point.READ, Point.READ):
        fuse.reach(point)
        seen.append(list(sent))
    assert seen == [[], [], [signal.SIGSTOP], [signal.SIGSTOP]]


def group(number: int, fingerprint: str, count: int) -> dict[str, Any]:
    """Return what the judge looks at in a group's row."""
    return {"id": number, "fingerprint": fingerprint, "count": count, "category": "record"}


def message(count: int) -> dict[str, Any]:
    """Return a message that shows a count."""
    return {"blocks": [{"type": "section", "fields": [{"type": "mrkdwn", "text": f"*Records*\n{count}"}]}]}


GOOD = AlertVerdict(groups=2, miscounted=0, first_messages=2, missing=0, doubled=0, stale=0)


@pytest.mark.parametrize(
    ("put", "messages", "wrong"),
    [
        pytest.param({"a": 3, "b": 1}, {"k1": [3], "k2": [1]}, {}, id="all well"),
        pytest.param({"a": 4}, {"k1": [3], "k2": [1]}, {"miscounted": 2}, id="one short, one too many"),
        pytest.param({"a": 3, "b": 1}, {"k1": [3]}, {"first_messages": 1, "missing": 1}, id="missing"),
        pytest.param({"a": 3, "b": 1}, {"k1": [3, 3], "k2": [1]}, {"first_messages": 3, "doubled": 1}, id="doubled"),
        pytest.param({"a": 3, "b": 1}, {"k1": [2], "k2": [1]}, {"stale": 1}, id="stale"),
    ],
)
def test_the_judge_tells_what_is_wrong_with_alerts(
    put: dict[str, int], messages: dict[str, list[int]], wrong: dict[str, int]
) -> None:
    """Groups are held against what was put, and Slack's messages against the groups."""
    groups = [group(1, "a", 3), group(2, "b", 1)]
    openings = [{"group_id": 1, "message_key": "k1"}, {"group_id": 2, "message_key": "k2"}]
    shown = {key: [message(count) for count in counts] for key, counts in messages.items()}
    verdict = judge_alerts(groups, openings, shown, Counter(put))
    assert verdict == AlertVerdict(**{name: getattr(GOOD, name) for name in AlertVerdict.__slots__} | wrong)


def test_the_table_adds_up() -> None:
    """Each part has its line, the last one adds all up, and the random kills are told by step."""
    from include.proof.compare import Proof

    proof = Proof(produced=600, lost=1, duplicated=0, misjudged=0, unjournaled=0, examples=())
    verdict = Verdict(proof, redone=5, orphans=1, misplaced=0, unsettled=0, alerts=GOOD)
    parts = [Part(Point.READ, 3), Part(None, 4)]
    logs = [
        PartLog(part, same_run=1, other_run=part.kills - 1, hits=Counter({Step.AUDIT: part.kills})) for part in parts
    ]
    *_, first, second, total, _, hits = render([Line(log, verdict) for log in logs]).splitlines()
    cells = [
        line.removeprefix(name).split() for line, name in ((first, Point.READ), (second, "at random"), (total, "all"))
    ]
    assert [row[:7] for row in cells] == [
        ["3", "1", "2", "5", "1", "600", "1"],
        ["4", "1", "3", "5", "1", "600", "1"],
        ["7", "2", "5", "10", "2", "1,200", "2"],
    ]
    assert {len(row) for row in cells} == {len(COLUMNS)}
    assert hits == "random kills hit: start 0, drain 0, validate 0, alert 0, dispatch 0, audit 4"
