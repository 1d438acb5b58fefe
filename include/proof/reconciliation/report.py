"""What a reconciliation found: counts of all, examples of some, as JSON and as a table to read."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime

from include.proof.reconciliation.values import MEANING, Difference, Kind, Span

MOST_EXAMPLES = 20
"""Differences of each kind, and names of each sort of thing, that a report spells out; the counts have them all."""


@dataclass(slots=True)
class Names:
    """How many there are, and the first of their names."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        """Count one more."""
        self.count += 1
        if len(self.examples) < MOST_EXAMPLES:
            self.examples.append(name)


@dataclass(slots=True)
class Unprovable:
    """Events that the stream no longer holds, so that only ledger and objects could be held against each other."""

    records: int = 0
    start: datetime | None = None
    end: datetime | None = None

    def add(self, records: int, start: datetime, end: datetime) -> None:
        """Count events that arrived from ``start`` to ``end``."""
        self.records += records
        self.start = min(start, self.start or start)
        self.end = max(end, self.end or end)


@dataclass(slots=True)
class Findings:
    """What was looked at and what came of it, added up as the reconciliation goes.

    Attributes:
        batches: batches that were drained from the span; ``redriven`` are those made of dead letters.
        records: the events of the drained ones, as the ledger counts them; ``bytes`` their data.
        objects: objects that were read.
        stream_records: events of ``raw/`` that the stream still holds, byte for byte.
        counts: differences by kind; a difference may concern many records and counts each.
        unfinished: batches that still wait for a stage. No difference.
        orphans: raw objects in the span's hours that the ledger does not name. No difference.
        not_held: objects that housekeeping removed. No difference.
        unprovable: what the stream no longer holds. No difference.
        gaps: what the stream had lost before it was drained. Told when it was found, so no difference here.
        undrained_from: when the first record arrived that is in the span and past its checkpoint. No difference.
    """

    batches: int = 0
    redriven: int = 0
    records: int = 0
    bytes: int = 0
    objects: int = 0
    stream_records: int = 0
    counts: Counter[Kind] = field(default_factory=Counter)
    examples: dict[Kind, list[Difference]] = field(default_factory=dict)
    unfinished: Names = field(default_factory=Names)
    orphans: Names = field(default_factory=Names)
    not_held: Names = field(default_factory=Names)
    gaps: Names = field(default_factory=Names)
    unprovable: Unprovable = field(default_factory=Unprovable)
    undrained_from: datetime | None = None

    def add(self, differences: Iterable[Difference]) -> None:
        """Count differences and keep the first of each kind."""
        for difference in differences:
            self.counts[difference.kind] += difference.count
            kept = self.examples.setdefault(difference.kind, [])
            if len(kept) < MOST_EXAMPLES:
                kept.append(difference)

    @property
    def differences(self) -> int:
        """How many differences there are, of all kinds."""
        return self.counts.total()

    @property
    def state(self) -> str:
        """``equal``, or ``different`` when there is any difference."""
        return "different" if self.counts else "equal"

    def to_json(self) -> dict[str, object]:
        """Return the findings as JSON has them; times in ISO 8601."""
        counts = ("batches", "redriven", "records", "bytes", "objects", "stream_records")
        return {
            "state": self.state,
            **{name: getattr(self, name) for name in counts},
            "differences": self.differences,
            "kinds": {
                kind.value: {
                    "count": self.counts[kind],
                    "meaning": MEANING[kind],
                    "examples": [asdict(difference) for difference in examples],
                }
                for kind, examples in self.examples.items()
            },
            "unfinished": asdict(self.unfinished),
            "orphans": asdict(self.orphans),
            "not_held": asdict(self.not_held),
            "gaps": asdict(self.gaps),
            "not_provable_by_stream": {
                "records": self.unprovable.records,
                "from": _iso(self.unprovable.start),
                "to": _iso(self.unprovable.end),
            },
            "undrained_from": _iso(self.undrained_from),
        }


def to_text(stream: str, span: Span, findings: Findings) -> str:
    """Return the findings as an aligned table, with what each line means."""
    found = findings
    lines = [
        (f"{stream}, arrived from {_iso(span.start)} to {_iso(span.end)}", found.state.upper()),
        ("batches in the ledger", f"{found.batches:,}"),
        ("batches of redriven dead letters", f"{found.redriven:,}"),
        ("records in them", f"{found.records:,}"),
        ("bytes of their data", f"{found.bytes:,}"),
        ("objects read", f"{found.objects:,}"),
        ("records found again in the stream", f"{found.stream_records:,}"),
        *_remarks(found),
        ("differences", f"{found.differences:,}"),
        *((f"  {kind}: {MEANING[kind]}", f"{count:,}") for kind, count in sorted(found.counts.items())),
    ]
    width = max(len(label) for label, _ in lines)
    rows = [f"{label:<{width}}  {value:>9}" for label, value in lines]
    return "\n".join([*rows, *_examples(found)])


def _remarks(found: Findings) -> Iterator[tuple[str, str]]:
    names = {
        "not finished yet": found.unfinished,
        "raw objects that the ledger does not name": found.orphans,
        "objects not held any more": found.not_held,
        "gaps, lost before they could be drained": found.gaps,
    }
    yield from ((label, f"{some.count:,}") for label, some in names.items() if some.count)
    if found.unprovable.records:
        span = f"{_iso(found.unprovable.start)} to {_iso(found.unprovable.end)}"
        yield f"not provable by the stream any more, {span}", f"{found.unprovable.records:,}"
    if found.undrained_from:
        yield f"not drained yet, from {_iso(found.undrained_from)}", ""


def _examples(found: Findings) -> Iterator[str]:
    for kind, examples in sorted(found.examples.items()):
        for one in examples:
            yield f"{kind}: {one.key or one.batch_id or one.shard_id}: {one.detail}"


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
