"""Tables to and from Parquet in memory, compressed with zstd."""

import pyarrow as pa
import pyarrow.parquet as pq


def to_parquet(table: pa.Table) -> bytes:
    """Return the table as one Parquet file."""
    sink = pa.BufferOutputStream()
    # A checksum a page: whoever reads the file later notices a byte that has changed since.
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    return sink.getvalue().to_pybytes()


def from_parquet(data: bytes, columns: list[str] | None = None) -> pa.Table:
    """Return a Parquet file's table, or some of its columns.

    Raises:
        OSError: a page is not what was written.
        pyarrow.ArrowException: it is no Parquet file.
    """
    # read_table would import Arrow's dataset machinery first, which is for many files and costs a task 0.1 s.
    return pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True).read(columns=columns)
