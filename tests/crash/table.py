"""A crash test's result as text: one line for each point."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tests.crash.campaign import PartLog
from tests.crash.child import Step
from tests.crash.verdict import Verdict
from tests.text_table import text_table


class Line(NamedTuple):
    """What was done to a stream, and what became of it."""

    log: PartLog
    verdict: Verdict


COLUMNS: Sequence[tuple[str, str, Callable[[Line], int]]] = (
    ("", "kills", lambda line: line.log.part.kills),
    ("restarted as", "same run", lambda line: line.log.same_run),
    ("", "other run", lambda line: line.log.other_run),
    ("work", "redone", lambda line: line.verdict.redone),
    ("", "orphans", lambda line: line.verdict.orphans),
    ("records", "put", lambda line: line.verdict.proof.produced),
    ("", "lost", lambda line: line.verdict.proof.lost),
    ("", "doubled", lambda line: line.verdict.proof.duplicated),
    ("", "misjudged", lambda line: line.verdict.proof.misjudged),
    ("", "misplaced", lambda line: line.verdict.misplaced),
    ("batches", "unsettled", lambda line: line.verdict.unsettled),
    ("groups", "all", lambda line: line.verdict.alerts.groups),
    ("", "miscounted", lambda line: line.verdict.alerts.miscounted),
    ("messages", "first", lambda line: line.verdict.alerts.first_messages),
    ("", "missing", lambda line: line.verdict.alerts.missing),
    ("", "doubled", lambda line: line.verdict.alerts.doubled),
    ("", "stale", lambda line: line.verdict.alerts.stale),
)


def render(lines: Sequence[Line]) -> str:
    """Return the table, with a last line that adds all up, and where the random kills hit."""
    rows = [[line.log.part.title, *(str(of(line)) for _, _, of in COLUMNS)] for line in lines]
    rows.append(["all", *(f"{sum(of(line) for line in lines):,}" for _, _, of in COLUMNS)])
    heads = [["killed", *(head for head, _, _ in COLUMNS)], ["", *(name for _, name, _ in COLUMNS)]]
    text = text_table(heads, rows)
    hits = sum((line.log.hits for line in lines if line.log.part.point is None), Counter[Step]())
    where = ", ".join(f"{step.name.lower()} {hits[step]}" for step in Step)
    return f"{text}\n\nrandom kills hit: {where}" if hits else text
