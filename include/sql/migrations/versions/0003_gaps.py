"""Gaps: what a stream lost before it was read, and until when a shard is known to be drained."""

from alembic import op

revision = "0003"
down_revision = "0002"

GAPS = """
-- When reading last stood at the shard's tip: whatever arrived before then is drained, or in stream_gaps.
alter table cali.shard_checkpoints add column caught_up_at timestamptz;
-- The shard's starting sequence number: a shard of the same id with a later one belongs to a stream that was made anew.
alter table cali.shard_checkpoints add column shard_start text;

create table cali.stream_gaps (
    -- A function of stream, shard, reason and beginning: the same gap is recorded once.
    gap_id               text primary key,
    stream               text not null,
    shard_id             text not null,
    reason               text not null check (reason in ('retention', 'shard_gone', 'unknown_sequence')),
    -- The last record that was drained, and until when all that arrived is drained; null is not known.
    from_sequence_number text,
    from_at              timestamptz,
    -- Where reading goes on: its first record's arrival, or the oldest that the stream could still hold.
    to_at                timestamptz not null,
    span_s               double precision check (span_s >= 0),
    run_id               text,
    detected_at          timestamptz not null
);
create index stream_gaps_by_time on cali.stream_gaps (stream, detected_at);

alter table cali.alert_groups drop constraint alert_groups_category_check;
alter table cali.alert_groups add constraint alert_groups_category_check
    check (category in ('record', 'quality', 'gap'));
"""


def upgrade() -> None:
    """Create the gaps, tell checkpoints when they were caught up, and let a gap open an alert group."""
    op.execute(GAPS)
