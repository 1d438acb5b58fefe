"""Parquet in memory: what goes in comes out, and what has rotted since does not."""

import pyarrow as pa
import pyarrow.parquet as pq
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


def test_a_dictionary_and_bounds_are_kept_where_they_serve_a_reader() -> None:
    """Texts of their own in each row have neither, times have bounds, and what repeats itself has both."""
    table = pa.table(
        {
            "text": [f"text {number}" for number in range(1_000)],
            "time": pa.array(range(1_000), pa.timestamp("us", tz="UTC")),
            "level": ["INFO", "WARN"] * 500,
            "nothing": pa.nulls(1_000, pa.string()),
            "list": [[1], [2]] * 500,
        }
    )
    footer = pq.ParquetFile(pa.BufferReader(to_parquet(table))).metadata
    columns = [footer.row_group(0).column(number) for number in range(footer.num_columns)]
    kept = {column.path_in_schema: (column.has_dictionary_page, column.statistics is not None) for column in columns}
    assert kept == {
        "text": (False, False),
        "time": (False, True),
        "level": (True, True),
        "nothing": (True, True),
        "list.list.element": (False, False),
    }
