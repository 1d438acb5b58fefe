"""Many files become one, with every row and in order."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.compaction import merge as module
from include.compaction.merge import merge, rows_of


def write(path: Path, table: pa.Table, rows_of_a_group: int = 100) -> Path:
    """Write a source."""
    pq.write_table(table, path, row_group_size=rows_of_a_group)
    return path


def numbers(first: int, count: int) -> pa.Table:
    """Return consecutive numbers."""
    return pa.table({"number": pa.array(range(first, first + count), pa.int64())})


def test_rows_keep_their_order_in_even_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All groups but the last have the same size, and the file is compressed with zstd."""
    monkeypatch.setattr(module, "ROWS_OF_A_GROUP", 10)
    sources = [write(tmp_path / str(first), numbers(first, count)) for first, count in [(0, 7), (7, 1), (8, 25)]]
    assert merge(sources, tmp_path / "out") == 33
    assert pq.read_table(tmp_path / "out").column("number").to_pylist() == list(range(33))
    footer = pq.read_metadata(tmp_path / "out")
    assert [footer.row_group(group).num_rows for group in range(footer.num_row_groups)] == [10, 10, 10, 3]
    assert footer.row_group(0).column(0).compression == "ZSTD"
    assert rows_of(tmp_path / "out") == 33


def test_the_file_does_not_depend_on_how_its_sources_were_cut(tmp_path: Path) -> None:
    """The same rows give the same bytes, so a repeated compaction changes nothing."""
    for name, cut in (("one", 3), ("two", 50)):
        merge([write(tmp_path / f"{name}-source", numbers(0, 100), cut)], tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_column_that_came_with_a_new_version_is_null_before(tmp_path: Path) -> None:
    """Sources of two versions of a stream go into one file."""
    old = write(tmp_path / "old", pa.table({"a": [1], "gone": ["x"]}))
    new = write(tmp_path / "new", pa.table({"a": [2], "added": [True]}))
    merge([old, new], tmp_path / "out")
    assert pq.read_table(tmp_path / "out").to_pylist() == [
        {"a": 1, "gone": "x", "added": None},
        {"a": 2, "gone": None, "added": True},
    ]
