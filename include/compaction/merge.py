"""Many small Parquet files into one, batch by batch: memory holds a row group and what is being read, no more."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

ROWS_OF_A_GROUP = 131_072
"""Rows of a row group: what readers skip or read as a whole, and what memory has to hold."""
ROWS_AT_ONCE = 16_384


def rows_of(path: Path) -> int:
    """Return how many rows a Parquet file has, by its footer."""
    return int(pq.read_metadata(path).num_rows)


def merge(sources: Sequence[Path], target: Path) -> int:
    """Write the rows of ``sources``, in order, into one zstd file of even row groups; return how many there are.

    Sources may differ by columns that came or went with a new version of the stream: a row is null where its source
    has no such column. The same sources give the same file, however their own row groups were cut.
    """
    schema = pa.unify_schemas(
        [pq.read_schema(source).remove_metadata() for source in sources], promote_options="permissive"
    )
    rows = 0
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        for table in _groups(sources, schema):
            writer.write_table(table, row_group_size=ROWS_OF_A_GROUP)
            rows += table.num_rows
    return rows


def _groups(sources: Sequence[Path], schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield the rows in tables of a row group's size, and the rest."""
    held = schema.empty_table()
    for source in sources:
        with pq.ParquetFile(source) as file:
            for batch in file.iter_batches(ROWS_AT_ONCE):
                held = pa.concat_tables([held, pa.Table.from_batches([batch])], promote_options="permissive")
                if held.num_rows >= ROWS_OF_A_GROUP:
                    yield held.slice(0, ROWS_OF_A_GROUP).select(schema.names).combine_chunks()
                    held = held.slice(ROWS_OF_A_GROUP)
    if held.num_rows:
        yield held.combine_chunks()
