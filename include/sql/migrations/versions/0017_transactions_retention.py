"""Old days of card transactions go with their partitions."""

from alembic import op

revision = "0017"
down_revision = "0016"

FORGET = """
-- Drop the partitions of the days (in UTC) that were over at an instant. Dropping one waits for whoever reads the table
-- and has everybody else wait behind it, so it gives up soon; the next try goes on.
create function cali.transactions_forget_days(instant timestamptz) returns void language plpgsql
set lock_timeout = '20s' as $$
declare
    part text;
begin
    for part in
        select child.relname
        from pg_inherits
        join pg_class as child on child.oid = inhrelid
        where inhparent = 'cali.transactions'::regclass
          and (to_date(right(child.relname, 8), 'YYYYMMDD') + 1)::timestamp at time zone 'UTC' <= instant
        order by child.relname
    loop
        execute format('drop table cali.%I', part);
    end loop;
end $$;
-- The ids of old days, which go bit by bit.
create index transaction_ids_by_time on cali.transaction_ids using brin (created_at);
"""


def upgrade() -> None:
    """Add the function, and an index over the ids' times."""
    op.execute(FORGET)
