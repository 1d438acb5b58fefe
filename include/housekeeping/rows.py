"""Old rows of CALI's database; a batch's row goes after the last of its objects."""

from datetime import datetime

from include.housekeeping.postgres import FORGOTTEN, Purges

ROWS_AT_ONCE = 1_000


def forget(purges: Purges, before: datetime) -> dict[str, int]:
    """Delete old rows in chunks; return how many, by table.

    Raises:
        TransientError: Postgres was away; what was deleted stays so.
    """
    removed = dict.fromkeys(FORGOTTEN, 0)
    for table in FORGOTTEN:
        while count := purges.forget(table, before, ROWS_AT_ONCE):
            removed[table] += count
            if purges.dry_run:
                break
    return removed
