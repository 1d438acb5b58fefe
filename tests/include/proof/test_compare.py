"""The proof finds what is wrong and nothing else."""

from hashlib import sha256

import pyarrow as pa
import pytest

from include.adapters.object_store import InMemoryObjectStore
from include.keys import REDRIVEN
from include.parquet import to_parquet
from include.proof.compare import Accepted, Identity, Proof, compare, holdings

SHARD = "shardId-000000000000"
LINEAGE = ("_shard_id", "_sequence_number", "_sub_sequence")


def accepted(number: int, *, valid: bool = True) -> Accepted:
    """Return the journal's line of a record."""
    return Accepted(Identity(SHARD, str(number), 0), sha256(b"%d" % number).hexdigest(), valid)


class Bucket:
    """A bucket in which each record lies where a test puts it."""

    def __init__(self) -> None:
        self.store = InMemoryObjectStore()

    def raw(self, *numbers: int, data: bytes | None = None, mark: str = "") -> "Bucket":
        rows = [(str(n), 0, data or b"%d" % n) for n in numbers]
        key = f"raw/stream=logs/{SHARD}-1-2-{mark}{len(self.store.objects)}"
        return self._put(key, ("sequence_number", "sub_sequence", "data"), rows)

    def staged(self, *numbers: int, room: str = "staged", mark: str = "") -> "Bucket":
        rows = [(SHARD, str(n), 0) for n in numbers]
        return self._put(f"{room}/stream=logs/logs-{SHARD}-{mark}{len(self.store.objects)}", LINEAGE, rows)

    def dlq(self, *numbers: int, mark: str = "", stage: str = "validate") -> "Bucket":
        rows = [(SHARD, str(n), 0, stage, b"%d" % n) for n in numbers]
        key = f"dlq/stream=logs/logs-{SHARD}-{mark}{len(self.store.objects)}"
        return self._put(key, (*LINEAGE, "stage", "data"), rows)

    def redriven(self, *numbers: int, data: bytes | None = None) -> "Bucket":
        """Let a redrive move dead letters and its batch be published."""
        self.raw(*numbers, data=data, mark=REDRIVEN).staged(*numbers, mark=REDRIVEN)
        return self.staged(*numbers, room="clean", mark=REDRIVEN)

    def _put(self, key: str, columns: tuple[str, ...], rows: list[tuple[object, ...]]) -> "Bucket":
        table = pa.table({name: [row[index] for row in rows] for index, name in enumerate(columns)})
        self.store.put(key, to_parquet(table))
        return self

    def proof(self, *journal: Accepted) -> Proof:
        return compare(journal, holdings(self.store, "logs"))


def test_records_that_lie_once_where_they_belong_are_proved() -> None:
    """Valid ones staged, malformed ones dead-lettered: the proof holds."""
    proof = Bucket().raw(1, 2).staged(1).dlq(2).staged(1, room="clean").proof(accepted(1), accepted(2, valid=False))
    assert proof == Proof(produced=2, lost=0, duplicated=0, misjudged=0, unjournaled=0, examples=())
    assert proof.holds


@pytest.mark.parametrize(
    ("bucket", "journal", "wrong"),
    [
        (Bucket().raw(1), accepted(1), {"lost": 1}),
        (Bucket().staged(1), accepted(1), {"lost": 1}),
        (Bucket().raw(1, data=b"altered").staged(1), accepted(1), {"lost": 1}),
        (Bucket().raw(1).staged(1, 1), accepted(1), {"duplicated": 1}),
        (Bucket().raw(1).staged(1).staged(1).staged(1), accepted(1), {"duplicated": 2}),
        (Bucket().raw(1).staged(1).dlq(1), accepted(1), {"duplicated": 1, "misjudged": 1}),
        (Bucket().raw(1).staged(1).staged(1, 1, room="clean"), accepted(1), {"duplicated": 1}),
        (Bucket().raw(1).dlq(1), accepted(1), {"misjudged": 1}),
        (Bucket().raw(1).staged(1), accepted(1, valid=False), {"misjudged": 1}),
    ],
)
def test_each_fault_is_found(bucket: Bucket, journal: Accepted, wrong: dict[str, int]) -> None:
    """A record that is missing, altered, doubled or in the wrong room breaks the proof and is named."""
    proof = bucket.proof(journal)
    found = {name: getattr(proof, name) for name in ("lost", "duplicated", "misjudged") if getattr(proof, name)}
    assert (found, proof.holds) == (wrong, False)
    assert SHARD in proof.examples[0]


def test_a_record_that_is_staged_and_not_clean_is_counted() -> None:
    """Whether it is missing or quarantined is for the ledger to say; that it is not in clean/ is a fact."""
    proof = Bucket().raw(1, 2).staged(1, 2).staged(1, room="clean").proof(accepted(1), accepted(2))
    assert proof.unpublished == 1


def test_an_orphan_in_raw_is_no_double() -> None:
    """An object that a killed drain left behind holds the same bytes and is named by nobody."""
    assert Bucket().raw(1).raw(1, 2).staged(1, 2).proof(accepted(1), accepted(2)).holds


def test_a_record_that_the_producer_could_not_write_down_is_counted_apart() -> None:
    """A killed producer's last records are neither lost nor doubled."""
    proof = Bucket().raw(1).staged(1).proof()
    assert (proof.unjournaled, proof.holds) == (1, True)


@pytest.mark.parametrize("valid", [True, False])
def test_a_dead_letter_that_was_redriven_is_neither_doubled_nor_misjudged(valid: bool) -> None:
    """It lies in dlq/ by its origin and in staged/ and clean/ by its redrive, whoever was wrong at first."""
    proof = Bucket().raw(1).dlq(1).redriven(1).proof(accepted(1, valid=valid))
    assert proof == Proof(produced=1, lost=0, duplicated=0, misjudged=0, unjournaled=0, examples=())


def test_what_a_redriven_batch_refuses_again_is_still_one_dead_letter() -> None:
    """Its origin's object has it; the second one is no second record."""
    proof = Bucket().raw(1).dlq(1).raw(1, mark=REDRIVEN).dlq(1, mark=REDRIVEN).proof(accepted(1, valid=False))
    assert proof == Proof(produced=1, lost=0, duplicated=0, misjudged=0, unjournaled=0, examples=())


def test_a_record_that_was_opened_by_a_redrive_may_have_other_bytes() -> None:
    """The producer's own bytes are in its origin's raw object and in dlq/."""
    assert Bucket().raw(1).dlq(1, stage="decode").redriven(1, data=b"opened").proof(accepted(1)).holds


@pytest.mark.parametrize(
    ("bucket", "wrong"),
    [
        (Bucket().raw(1).dlq(1).redriven(1).redriven(1), {"duplicated": 2}),
        (Bucket().raw(1).dlq(1).staged(1, mark=REDRIVEN).staged(1, mark=REDRIVEN), {"duplicated": 1}),
        (Bucket().raw(1).staged(1).staged(1, mark=REDRIVEN), {"duplicated": 1}),
        (Bucket().raw(1).dlq(1).redriven(1, data=b"altered"), {"lost": 1}),
        (Bucket().redriven(1), {"lost": 1, "duplicated": 1}),
    ],
)
def test_each_fault_of_a_redrive_is_found(bucket: Bucket, wrong: dict[str, int]) -> None:
    """A record that was redriven twice, altered, or redriven without being a dead letter breaks the proof."""
    proof = bucket.proof(accepted(1))
    found = {name: getattr(proof, name) for name in ("lost", "duplicated", "misjudged") if getattr(proof, name)}
    assert (found, proof.holds) == (wrong, False)


def test_a_redriven_record_that_is_not_clean_is_counted() -> None:
    """A redriven batch can be quarantined like any other."""
    assert Bucket().raw(1).dlq(1).staged(1, mark=REDRIVEN).proof(accepted(1)).unpublished == 1
