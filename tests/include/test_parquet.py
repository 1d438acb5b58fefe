"""Parquet in memory: what goes in comes out, and what has rotted since does not."""

import pyarrow as pa
import pytest

from include.parquet import from_parquet, to_parquet

TABLE = pa.table({"name": ["a", "b"], "data": [b"x" * 5_000, bytes(range(256)) * 20]})


def test_a_table_comes_back() -> None:
    """Whole, or the columns that were asked for."""
    assert from_parquet(to_parquet(TABLE)) == TABLE
    assert from_parquet(to_parquet(TABLE), ["name"]) == TABLE.select(["name"])


def test_a_changed_byte_in_a_page_is_noticed() -> None:
    """Each page has a checksum, which is verified when it is read."""
    data = to_parquet(pa.table({"data": pa.array([bytes(range(256)) * 20], pa.binary())}))
    found = data.index(bytes(range(100, 120)))
    with pytest.raises(OSError, match="checksum"):
        from_parquet(data[:found] + b"?" + data[found + 1 :])
