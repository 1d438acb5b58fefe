"""Tables to and from Parquet in memory, compressed with zstd."""

import pyarrow as pa
import pyarrow.parquet as pq


def to_parquet(table: pa.Table) -> bytes:
    """Return the table as one Parquet file."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue().to_pybytes()


def from_parquet(data: bytes, columns: list[str] | None = None) -> pa.Table:
    """Return a Parquet file's table, or some of its columns."""
    # read_table would import Arrow's dataset machinery first, which is for many files and costs a task 0.1 s.
    return pq.ParquetFile(pa.BufferReader(data)).read(columns=columns)
