"""The journal gives back what was written, whatever became of its writer."""

import json
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.simulator.journal import Journal, JournalEntry, entry, read
from include.simulator.record import SimulatedRecord

RECORD = SimulatedRecord(b'{"a":1}', "key", "valid", alertable=True, scenario="deadlock", event_id="id-1")
ACCEPTED = entry(RECORD, 1_767_225_600.25, ("shardId-000000000000", "495"))
UNCERTAIN = entry(RECORD, 1_767_225_600.5, None)


def test_a_line_has_the_documented_fields(tmp_path: Path) -> None:
    """Checkers in other languages read these names; uncertain is there only when it is true."""
    with Journal(tmp_path / "journal.ndjson") as journal:
        journal.write([ACCEPTED, UNCERTAIN])
    first, second = (json.loads(line) for line in (tmp_path / "journal.ndjson").read_text().splitlines())
    expected = {
        "shard_id": "shardId-000000000000",
        "sequence_number": "495",
        "sha256": sha256(RECORD.data).hexdigest(),
        "event_id": "id-1",
        "kind": "valid",
        "alertable": True,
        "scenario": "deadlock",
        "put_at": 1_767_225_600.25,
    }
    assert first == expected
    assert second == {
        **expected,
        "shard_id": None,
        "sequence_number": None,
        "put_at": 1_767_225_600.5,
        "uncertain": True,
    }


def test_what_was_written_is_readable_before_the_journal_is_closed(tmp_path: Path) -> None:
    """A killed simulator leaves what it was told was accepted."""
    path = tmp_path / "new" / "journal.ndjson"
    with Journal(path) as journal:
        journal.write([ACCEPTED])
        assert list(read(path)) == [ACCEPTED]


entries = st.builds(
    JournalEntry,
    shard_id=st.none() | st.text(),
    sequence_number=st.none() | st.from_regex(r"\A\d{1,56}\Z"),
    sha256=st.from_regex(r"\A[0-9a-f]{64}\Z"),
    event_id=st.none() | st.text(),
    kind=st.text(),
    alertable=st.booleans(),
    scenario=st.none() | st.text(),
    put_at=st.floats(0, 4e9),
    uncertain=st.booleans(),
)


@settings(deadline=None)
@given(st.lists(entries, max_size=5), st.lists(entries, min_size=1, max_size=3), st.data())
def test_a_torn_last_line_is_left_out_and_cut_before_the_next_entry(
    tmp_path_factory: pytest.TempPathFactory, before: list[JournalEntry], after: list[JournalEntry], data: st.DataObject
) -> None:
    """A writer that is killed within a line spoils neither the lines before it nor those of its successor."""
    path = tmp_path_factory.mktemp("journal") / "journal.ndjson"
    with Journal(path) as journal:
        journal.write(before)
        whole = path.stat().st_size
        journal.write([ACCEPTED])
    torn = data.draw(st.integers(whole, path.stat().st_size - 1))
    with path.open("r+b") as file:
        file.truncate(torn)
    assert list(read(path)) == before
    with Journal(path) as journal:
        journal.write(after)
    assert list(read(path)) == [*before, *after]


def test_a_torn_line_longer_than_a_block_is_cut(tmp_path: Path) -> None:
    """The end is searched block by block."""
    path = tmp_path / "journal.ndjson"
    with Journal(path) as journal:
        journal.write([ACCEPTED])
    with path.open("ab") as file:
        file.write(b"x" * 200_000)
    with Journal(path) as journal:
        journal.write([UNCERTAIN])
    assert list(read(path)) == [ACCEPTED, UNCERTAIN]


def test_a_complete_line_that_is_no_entry_is_an_error(tmp_path: Path) -> None:
    """A spoiled journal must not pass as a short one."""
    (tmp_path / "journal.ndjson").write_bytes(b"not json\n")
    with pytest.raises(ValueError, match="Expecting value"):
        list(read(tmp_path / "journal.ndjson"))
