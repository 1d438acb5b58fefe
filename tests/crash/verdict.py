"""What a crash test finds in the end: S3 against the journal, groups and Slack against what was put."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row
from slack_sdk import WebClient

from include.adapters.object_store import ObjectStore, S3ObjectStore
from include.alerts.event import Category
from include.keys import Room
from include.parquet import from_parquet
from include.proof.compare import VALID, Accepted, Identity, Proof, compare, holdings
from include.proof.summary import ledger_counts
from include.simulator.journal import JournalEntry, read
from tests.crash.site import Site

UNIQUE_SHARE = 0.99
REPEATED_ROWS = 20
"""What share of a batch's rows must have an event id of their own to be published, as the suite has it."""
NAMED = "select raw_key from cali.micro_batches where stream = %(stream)s"
REDONE = "select attempts - 1 as again from cali.batch_stages where stream = %(stream)s"
GROUPS = "select * from cali.alert_groups where stream = %(stream)s"
OPENINGS = """
    select outbox.group_id, outbox.message_key from cali.alert_outbox as outbox
    join cali.alert_groups as groups on groups.id = outbox.group_id
    where groups.stream = %(stream)s and outbox.kind = 'open'
"""
Messages = Mapping[str, list[dict[str, Any]]]
"""Slack's messages by the key that they carry."""


@dataclass(frozen=True, slots=True)
class AlertVerdict:
    """Groups and messages of a stream.

    Attributes:
        groups: how many there are.
        miscounted: records by which the groups' counts differ from what was put, over all fingerprints.
        first_messages: messages that open a group, as Slack has them.
        missing: groups without one. doubled: messages beyond a group's first one.
        stale: messages that show another count than their group's.
    """

    groups: int
    miscounted: int
    first_messages: int
    missing: int
    doubled: int
    stale: int

    @property
    def wrong(self) -> int:
        """How much is wrong; 0 is as it should be."""
        return self.miscounted + self.missing + self.doubled + self.stale


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one stream.

    ``redone`` counts stages that were claimed again, ``orphans`` raw objects that no ledger row names: both are what
    kills leave behind, and nothing wrong. ``misplaced`` records are in ``clean/`` though their batch must be
    quarantined, or not there though it must be published. ``unsettled`` counts batches that do not add up, stages that
    are open, drained records too many or too few, and quarantined batches that nobody was told of.
    """

    proof: Proof
    redone: int
    orphans: int
    misplaced: int
    unsettled: int
    alerts: AlertVerdict

    @property
    def holds(self) -> bool:
        """Return whether nothing at all is wrong."""
        wrong = self.misplaced + self.unsettled + self.alerts.wrong + self.proof.unjournaled
        return self.proof.holds and not wrong


def judge(site: Site, stream: str, put: Counter[str]) -> Verdict:
    """Judge a stream whose work is done; ``put`` counts the alertable records that were put by fingerprint."""
    store = S3ObjectStore(site.parents.s3, site.bucket)
    with psycopg.connect(site.postgres_uri, autocommit=True) as connection:
        counts = ledger_counts(connection, stream)
        groups = rows_of(connection, GROUPS, stream)
        openings = rows_of(connection, OPENINGS, stream)
        named = {row["raw_key"] for row in rows_of(connection, NAMED, stream)}
        redone = sum(row["again"] for row in rows_of(connection, REDONE, stream))
    proof = compare(accepted(read(site.journal(stream))), holdings(store, stream))
    return Verdict(
        proof=proof,
        redone=redone,
        orphans=len(set(store.keys(f"{Room.RAW}/stream={stream}/")) - named),
        misplaced=_misplaced(store, stream),
        unsettled=_unsettled(counts, groups, proof),
        alerts=judge_alerts(groups, openings, messages_by_key(site), put),
    )


def judge_alerts(
    groups: Iterable[Mapping[str, Any]], openings: Iterable[Mapping[str, Any]], messages: Messages, put: Counter[str]
) -> AlertVerdict:
    """Hold groups against what was put, and Slack's messages against the groups."""
    known = {group["id"]: group for group in groups}
    counted: Counter[str] = Counter()
    for group in known.values():
        if group["category"] == Category.RECORD:
            counted[group["fingerprint"]] += group["count"]
    shown: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for opening in openings:
        shown[opening["group_id"]] += messages.get(opening["message_key"], [])
    return AlertVerdict(
        groups=len(known),
        miscounted=((put - counted) + (counted - put)).total(),
        first_messages=sum(map(len, shown.values())),
        missing=sum(not shown[number] for number in known),
        doubled=sum(max(0, len(of_group) - 1) for of_group in shown.values()),
        stale=sum(count_in(one) != known[number]["count"] for number, of_group in shown.items() for one in of_group),
    )


def messages_by_key(site: Site) -> Messages:
    """Read every message that Slack has, from all channels."""
    return messages_in(WebClient(site.slack_token, base_url=site.slack_api))


def messages_in(client: WebClient) -> Messages:
    """Read every message of a workspace that carries a key; each gets its channel's id."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for channel in client.conversations_list()["channels"]:
        for page in client.conversations_history(channel=channel["id"], limit=200, include_all_metadata=True):
            for message in page["messages"]:
                if "event_payload" in message.get("metadata", {}):
                    key = message["metadata"]["event_payload"]["key"]
                    found[key].append({**message, "channel_id": channel["id"]})
    return found


def count_in(message: Mapping[str, Any]) -> int:
    """Return the count that a group's message shows."""
    fields = [entry["text"] for block in message["blocks"] for entry in block.get("fields", ())]
    (count,) = [text.split("\n")[1] for text in fields if text.startswith(("*Records*", "*Batches*"))]
    return int(count.replace(",", ""))


def accepted(entries: Iterable[JournalEntry]) -> Iterable[Accepted]:
    """Yield the journal's records whose acceptance is certain."""
    for entry in entries:
        if entry.shard_id is not None and entry.sequence_number is not None:
            yield Accepted(Identity(entry.shard_id, entry.sequence_number, 0), entry.sha256, entry.kind == VALID)


def _unsettled(counts: Mapping[str, int], groups: Iterable[Mapping[str, Any]], proof: Proof) -> int:
    told: int = sum(group["count"] for group in groups if group["category"] == Category.QUALITY)
    differences = (counts["drained"] - proof.produced, counts["quarantined"] - told)
    return counts["unconserved"] + counts["open_stages"] + sum(abs(difference) for difference in differences)


def _misplaced(store: ObjectStore, stream: str) -> int:
    """Hold ``clean/`` against ``staged/``: a batch is there whole, or not at all when its event ids repeat."""
    staged, clean = (dict(_objects(store, room, stream)) for room in (Room.STAGED, Room.CLEAN))
    expected = {name: rows for name, rows in staged.items() if _publishable(rows)}
    wrong = (name for name in expected.keys() | clean.keys() if expected.get(name) != clean.get(name))
    return sum(len(staged.get(name) or clean[name]) for name in wrong)


def _objects(store: ObjectStore, room: Room, stream: str) -> Iterable[tuple[str, list[dict[str, Any]]]]:
    """Yield the name of each object in a room with its records' identities and event ids."""
    for key in store.keys(f"{room}/stream={stream}/"):
        columns = ["event_id", "_shard_id", "_sequence_number", "_sub_sequence"]
        yield key.rpartition("/")[2], from_parquet(store.get(key), columns).to_pylist()


def _publishable(rows: Sequence[Mapping[str, Any]]) -> bool:
    ids = Counter(row["event_id"] for row in rows)
    repeated = sum(count for count in ids.values() if count > 1)
    return repeated <= max(REPEATED_ROWS, (1 - UNIQUE_SHARE) * len(rows))


def rows_of(connection: psycopg.Connection, statement: LiteralString, stream: str) -> list[dict[str, Any]]:
    """Return the rows of a statement about a stream."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement, {"stream": stream}).fetchall()
