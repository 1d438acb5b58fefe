"""Tables to and from Parquet in memory, compressed with zstd."""

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

LOOKED_AT = 100
"""First rows that tell whether a column's values repeat themselves."""


def to_parquet(table: pa.Table) -> bytes:
    """Return the table as one Parquet file.

    Columns that repeat their values have a dictionary and bounds. For texts of their own in each row, such as ids,
    messages and data, both cost a fifth of the writing and help no reader.
    """
    distinct = [name for name in table.column_names if not _repeats(table.column(name))]
    texts = [name for name in distinct if _is_text(table.schema.field(name).type)]
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        compression="zstd",
        use_dictionary=[name for name in table.column_names if name not in distinct],  # type: ignore[arg-type]
        write_statistics=[name for name in table.column_names if name not in texts],
        # A checksum a page: whoever reads the file later notices a byte that has changed since.
        write_page_checksum=True,
    )
    return sink.getvalue().to_pybytes()


def from_parquet(data: bytes, columns: list[str] | None = None) -> pa.Table:
    """Return a Parquet file's table, or some of its columns.

    Raises:
        OSError: a page is not what was written.
        pyarrow.ArrowException: it is no Parquet file.
    """
    # read_table would import Arrow's dataset machinery first, which is for many files and costs a task 0.1 s.
    return pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True).read(columns=columns)


def _repeats(column: "pa.ChunkedArray[Any]") -> bool:
    """Return whether the column's first rows hold each value twice, on an average."""
    first = column.slice(0, LOOKED_AT)
    return not pa.types.is_nested(column.type) and 2 * len(first.unique()) <= len(first)


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_binary(kind)
