"""Old logs go, with the folders that they leave empty; everything else stays."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from include.housekeeping.task_logs import remove_expired

NOW = datetime(2026, 3, 28, tzinfo=UTC)
LIMIT = NOW - timedelta(days=14)


def write(path: Path, days_old: float) -> Path:
    """Write a file that was last changed so long ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("a line\n")
    changed = (NOW - timedelta(days=days_old)).timestamp()
    os.utime(path, (changed, changed))
    return path


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Return a log folder as Airflow's, with an old run, a newer one and one of both."""
    write(tmp_path / "dag_id=a" / "run_id=old" / "task_id=t" / "attempt=1.log", 15)
    write(tmp_path / "dag_id=a" / "run_id=new" / "task_id=t" / "attempt=1.log", 13)
    write(tmp_path / "dag_id=b" / "run_id=both" / "task_id=t" / "attempt=1.log", 15)
    write(tmp_path / "dag_id=b" / "run_id=both" / "task_id=t" / "attempt=2.log.trigger.7.log", 1)
    write(tmp_path / "notes.txt", 900)
    return tmp_path


def left(folder: Path) -> list[str]:
    """Return the files that are left."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_old_files_and_empty_folders_go(logs: Path) -> None:
    """By the time of the last write; a file that is no log stays."""
    assert remove_expired(logs, LIMIT) == 2
    assert left(logs) == [
        "dag_id=a/run_id=new/task_id=t/attempt=1.log",
        "dag_id=b/run_id=both/task_id=t/attempt=2.log.trigger.7.log",
        "notes.txt",
    ]
    assert not (logs / "dag_id=a" / "run_id=old").exists()
    assert remove_expired(logs, LIMIT) == 0


def test_a_dry_run_counts_and_removes_nothing(logs: Path) -> None:
    """The count is that of the run that follows."""
    before = left(logs)
    assert remove_expired(logs, LIMIT, dry_run=True) == 2
    assert left(logs) == before


def test_a_link_is_not_followed_out_of_the_folder(tmp_path: Path) -> None:
    """What lies elsewhere is somebody else's."""
    elsewhere = write(tmp_path / "elsewhere" / "old.log", 900)
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "latest.log").symlink_to(elsewhere)
    assert remove_expired(folder, LIMIT) == 0
    assert elsewhere.exists()


def test_a_folder_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    """A new machine has no logs yet."""
    assert remove_expired(tmp_path / "nowhere", LIMIT) == 0
