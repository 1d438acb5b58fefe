"""What an outage test finds in the end: S3 against the journal, the ledger, groups and Slack against each other."""

from collections import Counter
from dataclasses import dataclass

import psycopg

from include.adapters.object_store import S3ObjectStore
from include.alerts.event import Category
from include.proof.compare import VALID, Proof, compare, holdings
from include.proof.summary import ledger_counts
from include.simulator.journal import read
from tests.crash.site import Site
from tests.crash.verdict import GROUPS, OPENINGS, AlertVerdict, accepted, judge_alerts, messages_by_key, rows_of


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of the stream.

    Attributes:
        proof: S3 held against the journal.
        uncertain: records whose acceptance the producer does not know: they prove nothing.
        unsettled: batches that do not add up or were quarantined, open stages, drained records too many or too few.
        untold: by how many the groups' counts differ from the alertable records that were put.
        alerts: groups and messages held against each other.
    """

    proof: Proof
    uncertain: int
    unsettled: int
    untold: int
    alerts: AlertVerdict

    @property
    def holds(self) -> bool:
        """Return whether nothing at all is wrong."""
        wrong = self.proof.unjournaled + self.proof.unpublished + self.uncertain + self.unsettled + self.untold
        return self.proof.holds and self.proof.produced > 0 and not wrong + self.alerts.wrong


def judge(site: Site, stream: str) -> Verdict:
    """Judge a stream whose work is done."""
    entries = list(read(site.journal(stream)))
    with psycopg.connect(site.postgres_uri, autocommit=True) as connection:
        counts = ledger_counts(connection, stream)
        groups = rows_of(connection, GROUPS, stream)
        openings = rows_of(connection, OPENINGS, stream)
    proof = compare(accepted(entries), holdings(S3ObjectStore(site.parents.s3, site.bucket), stream))
    told: Counter[str] = Counter()
    for row in groups:
        if row["category"] == Category.RECORD:
            told[row["fingerprint"]] += row["count"]
    alertable = sum(entry.kind == VALID and entry.alertable for entry in entries)
    return Verdict(
        proof=proof,
        uncertain=sum(entry.uncertain for entry in entries),
        unsettled=counts["unconserved"]
        + counts["open_stages"]
        + counts["quarantined"]
        + abs(counts["drained"] - proof.produced),
        untold=abs(told.total() - alertable),
        alerts=judge_alerts(groups, openings, messages_by_key(site), told),
    )
