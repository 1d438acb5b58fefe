"""Old log files under a folder, and the folders that are empty without them."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path


def expired(folder: Path, before: datetime) -> Iterator[Path]:
    """Yield the log files that were last written before ``before``; what vanishes meanwhile is nobody's concern."""
    for path in folder.rglob("*.log*"):
        if path.is_symlink() or not path.is_file():
            continue
        if path.stat().st_mtime < before.timestamp():
            yield path


def remove_expired(folder: Path, before: datetime, *, dry_run: bool = False) -> int:
    """Remove old log files and the folders that this leaves empty; return how many files."""
    found = list(expired(folder, before))
    if dry_run:
        return len(found)
    for path in found:
        path.unlink(missing_ok=True)
        _remove_empty(path.parent, folder)
    return len(found)


def _remove_empty(child: Path, folder: Path) -> None:
    """Remove a folder and those above it, up to ``folder``, as long as they are empty."""
    while child != folder:
        try:
            child.rmdir()
        except OSError:
            # Not empty: a newer try, or one that is just being written.
            return
        child = child.parent
