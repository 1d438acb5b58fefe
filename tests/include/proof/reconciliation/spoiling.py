"""One thing spoilt in a world, and what kind of difference that is."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pyarrow as pa
from hypothesis import strategies as st

from include.drain.raw_batch import content_hash, sub_records
from include.keys import Room
from include.parquet import from_parquet
from include.proof.reconciliation.values import Kind
from include.records import StreamRecord
from tests.include.proof.reconciliation.world import FIRST, NOON, SECOND, World


def rows(table: pa.Table, numbers: Sequence[int]) -> pa.Table:
    """Return a table of these rows of a table."""
    return table.take(pa.array(numbers, pa.int64()))


class Spoiler:
    """Spoils a world; each method changes one thing, chosen by ``draw``, and returns the kind of its difference."""

    def __init__(self, world: World, draw: Callable[[st.SearchStrategy[int]], int]) -> None:
        self.world = world
        self.draw = draw

    def one_of(self, names: list[str]) -> str:
        return names[self.draw(st.integers(0, len(names) - 1))]

    def row_of(self, table: pa.Table, least: int = 0) -> int:
        return self.draw(st.integers(least, table.num_rows - 1))

    def drop_a_record(self) -> Kind:
        room = (Room.RAW, Room.STAGED, Room.CLEAN, Room.DLQ)[self.draw(st.integers(0, 3))]

        def change(table: pa.Table) -> pa.Table:
            row = self.row_of(table)
            return rows(table, [other for other in range(table.num_rows) if other != row])

        self.world.rewrite(self.one_of(self.world.keys(room)), change)
        return Kind.COUNT

    def double_a_record(self) -> Kind:
        def change(table: pa.Table) -> pa.Table:
            row = self.row_of(table)
            return pa.concat_tables([table.slice(0, row), table.slice(row, 1), table.slice(row)])

        self.world.rewrite(self.one_of(self.world.keys(Room.RAW)), change)
        return Kind.ORDER

    def settle_a_record_twice(self) -> Kind:
        def change(table: pa.Table) -> pa.Table:
            row = self.row_of(table, 1)
            kept = [other for other in range(table.num_rows) if other != row]
            return rows(table, [*kept, kept[0]])

        self.world.rewrite(self.one_of(self.world.keys(Room.STAGED)), change)
        return Kind.SETTLEMENT

    def flip_a_byte(self, table: pa.Table) -> pa.Table:
        data = table.column("data").to_pylist()
        row = self.row_of(table)
        place = self.draw(st.integers(0, len(data[row]) - 1))
        flipped = bytearray(data[row])
        flipped[place] ^= 1 << self.draw(st.integers(0, 7))
        data[row] = bytes(flipped)
        return table.set_column(
            table.column_names.index("data"), table.schema.field("data"), pa.array(data, pa.binary())
        )

    def flip_a_raw_byte(self) -> Kind:
        self.world.rewrite(self.one_of(self.world.keys(Room.RAW)), self.flip_a_byte)
        return Kind.CONTENT

    def flip_a_dead_letters_byte(self) -> Kind:
        self.world.rewrite(self.one_of(self.world.keys(Room.DLQ)), self.flip_a_byte)
        return Kind.CONTENT

    def flip_a_byte_that_only_the_stream_can_prove(self) -> Kind:
        """The ledger's own hash is forged as well."""
        key = self.one_of(self.world.keys(Room.RAW))
        self.world.rewrite(key, self.flip_a_byte)
        (batch_id,) = [held.batch.batch_id for held in self.world.ledger.batches.values() if held.batch.raw_key == key]
        self.world.amend(batch_id, sha256=content_hash(sub_records(from_parquet(self.world.objects.objects[key]))))
        return Kind.ALTERED

    def swap_two_records(self) -> Kind:
        def change(table: pa.Table) -> pa.Table:
            row = self.row_of(table, 1)
            order = list(range(table.num_rows))
            order[row - 1], order[row] = order[row], order[row - 1]
            return rows(table, order)

        self.world.rewrite(self.one_of(self.world.keys(Room.RAW)), change)
        return Kind.ORDER

    def any_object(self) -> str:
        room = (Room.RAW, Room.STAGED, Room.CLEAN, Room.DLQ)[self.draw(st.integers(0, 3))]
        return self.one_of(self.world.keys(room))

    def truncate_an_object(self) -> Kind:
        key = self.any_object()
        data = self.world.objects.objects[key]
        self.world.objects.objects[key] = data[: self.draw(st.integers(0, len(data) - 1))]
        return Kind.UNREADABLE

    def remove_an_object(self) -> Kind:
        self.world.objects.delete(self.any_object())
        return Kind.MISSING

    def publish_another_object(self) -> Kind:
        key = self.one_of(self.world.keys(Room.CLEAN))
        self.world.rewrite(key, lambda table: rows(table, list(range(table.num_rows))[::-1]))
        return Kind.CONTENT

    def miscount_records(self) -> Kind:
        batch_id = self.one_of(sorted(self.world.ledger.batches))
        records = self.world.ledger.batches[batch_id].batch.records
        self.world.amend(batch_id, records=records + self.draw(st.sampled_from([-1, 1])))  # type: ignore[arg-type]
        return Kind.CONSERVATION

    def miscount_bytes(self) -> Kind:
        batch_id = self.one_of(sorted(self.world.ledger.batches))
        self.world.amend(batch_id, bytes=self.world.ledger.batches[batch_id].batch.bytes + 1)
        return Kind.SIZE

    def miscount_what_was_filtered(self) -> Kind:
        held = self.world.ledger.batches[self.one_of(sorted(self.world.ledger.batches))]
        held.filtered = (held.filtered or 0) + 1
        return Kind.CONSERVATION

    def forge_a_hash(self) -> Kind:
        self.world.amend(self.one_of(sorted(self.world.ledger.batches)), sha256="0" * 64)
        return Kind.CONTENT

    def shorten_a_range(self) -> Kind:
        batch_id = self.one_of(sorted(self.world.ledger.batches))
        self.world.amend(
            batch_id,
            first_sequence_number=str(int(self.world.ledger.batches[batch_id].batch.first_sequence_number) + 1),
        )
        return Kind.RANGE

    def forget_a_key(self) -> Kind:
        held = self.world.ledger.batches[self.one_of(sorted(self.world.ledger.batches))]
        assert held.validated is not None
        held.validated = replace(held.validated, staged_key=None)
        return Kind.CONSERVATION

    def quarantine_what_is_published(self) -> Kind:
        self.world.ledger.batches[self.one_of(sorted(self.world.ledger.batches))].state = "quarantined"
        return Kind.CONSERVATION

    def overlap_a_range(self) -> Kind:
        batches = sorted(
            (held.batch for held in self.world.ledger.batches.values() if held.batch.shard_id == FIRST),
            key=lambda batch: int(batch.first_sequence_number),
        )
        number = self.draw(st.integers(1, len(batches) - 1))
        self.world.amend(batches[number - 1].batch_id, last_sequence_number=batches[number].first_sequence_number)
        return Kind.OVERLAP

    def slip_a_record_into_the_stream(self) -> Kind:
        records = self.world.records((FIRST, SECOND)[self.draw(st.integers(0, 1))])
        place = self.draw(st.integers(0, len(records) - 1))
        number = f"{int(records[place].sequence_number) - 1:056d}"
        records.insert(place, StreamRecord(number, "key", NOON, b"unseen"))
        return Kind.LOST

    def forget_a_batch(self) -> Kind:
        self.world.forget(self.one_of(sorted(self.world.ledger.batches)))
        return Kind.LOST

    def take_a_record_out_of_the_stream(self) -> Kind:
        records = self.world.records((FIRST, SECOND)[self.draw(st.integers(0, 1))])
        # What is missing before the oldest record that is left may have been dropped by the stream itself.
        del records[self.draw(st.integers(1, len(records) - 1))]
        return Kind.FOREIGN


WAYS: list[Callable[[Spoiler], Kind]] = [
    Spoiler.drop_a_record,
    Spoiler.double_a_record,
    Spoiler.settle_a_record_twice,
    Spoiler.flip_a_raw_byte,
    Spoiler.flip_a_dead_letters_byte,
    Spoiler.flip_a_byte_that_only_the_stream_can_prove,
    Spoiler.swap_two_records,
    Spoiler.truncate_an_object,
    Spoiler.remove_an_object,
    Spoiler.publish_another_object,
    Spoiler.miscount_records,
    Spoiler.miscount_bytes,
    Spoiler.miscount_what_was_filtered,
    Spoiler.forge_a_hash,
    Spoiler.shorten_a_range,
    Spoiler.forget_a_key,
    Spoiler.quarantine_what_is_published,
    Spoiler.overlap_a_range,
    Spoiler.slip_a_record_into_the_stream,
    Spoiler.forget_a_batch,
    Spoiler.take_a_record_out_of_the_stream,
]
