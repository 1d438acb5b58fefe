"""A fuzz test's result as text: kinds of records by what became of them, and the reasons of the dead letters."""

from collections.abc import Sequence

from tests.fuzz.payloads import Kind
from tests.fuzz.trial import Tally
from tests.text_table import text_table

HEADS = ["put", "records", "events", "accepted", "refused", "undecoded"]
REASONS = ["reason", "dead letters"]


def render(tally: Tally) -> str:
    """Return both tables."""
    counters = (tally.records, tally.events, tally.accepted, tally.refused, tally.undecoded)
    kinds = [[kind, *(f"{counter[kind]:,}" for counter in counters)] for kind in Kind]
    kinds.append(["all", *(f"{counter.total():,}" for counter in counters)])
    reasons: Sequence[Sequence[str]] = [[reason, f"{count:,}"] for reason, count in tally.reasons.most_common()]
    return f"{text_table([HEADS], kinds)}\n\n{text_table([REASONS], reasons)}"
