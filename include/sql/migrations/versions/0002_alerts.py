"""Alerts: groups of records with one fingerprint, the messages that tell of them, and the channels' pace."""

from alembic import op

revision = "0002"
down_revision = "0001"

ALERTS = """
-- Which batches' counts are in the groups: a batch that is applied twice changes nothing.
create table cali.alert_batches (
    batch_id   text not null,
    category   text not null,
    applied_at timestamptz not null,
    primary key (batch_id, category)
);

create table cali.alert_groups (
    id                     bigint generated always as identity primary key,
    stream                 text not null,
    category               text not null check (category in ('record', 'quality')),
    fingerprint            text not null,
    fingerprint_version    integer not null,
    severity               text not null,
    severity_rank          smallint not null,
    service                text not null,
    title                  text not null,
    state                  text not null default 'open' check (state in ('open', 'closed')),
    count                  bigint not null check (count > 0),
    batches                bigint not null default 1,
    first_seen             timestamptz not null,
    last_seen              timestamptz not null,
    opened_at              timestamptz not null,
    updated_at             timestamptz not null,
    closed_at              timestamptz,
    services               text[] not null,
    pods                   text[] not null,
    versions               text[] not null,
    sample                 text not null,
    batch_id               text not null,
    run_url                text,
    channel                text not null,
    slack_channel          text,
    slack_ts               text,
    announced_count        bigint not null default 0,
    announced_at           timestamptz,
    latest_shard_id        text not null,
    latest_sequence_number text not null,
    latest_sub_sequence    integer not null,
    latest_arrived_at      timestamptz not null,
    constraint first_is_not_after_last check (first_seen <= last_seen),
    constraint announced_is_counted check (announced_count <= count)
);
create unique index alert_groups_one_open on cali.alert_groups (stream, fingerprint) where state = 'open';
create index alert_groups_open_by_time on cali.alert_groups (updated_at) where state = 'open';
create index alert_groups_by_time on cali.alert_groups (last_seen);

create table cali.alert_outbox (
    id                    bigint generated always as identity primary key,
    group_id              bigint references cali.alert_groups on delete cascade,
    kind                  text not null check (kind in ('open', 'update', 'notice')),
    channel               text not null,
    severity_rank         smallint not null,
    dedup_key             text not null,
    -- Goes to Slack with the message: by it a message that was sent in doubt is found again.
    message_key           text not null unique,
    payload               jsonb,
    cause_shard_id        text,
    cause_sequence_number text,
    cause_sub_sequence    integer,
    cause_arrived_at      timestamptz,
    state                 text not null default 'pending' check (state in ('pending', 'sending', 'sent', 'parked')),
    -- Counts the claims, and is the fencing token of the newest one.
    attempts              integer not null default 0,
    next_attempt_at       timestamptz not null,
    lease_until           timestamptz,
    -- Since when an attempt may have reached Slack without our knowing.
    unresolved_since      timestamptz,
    last_error            text,
    created_at            timestamptz not null,
    sent_at               timestamptz,
    accepted_channel      text,
    accepted_ts           text,
    constraint of_a_group_or_with_a_text check ((group_id is null) = (kind = 'notice' and payload is not null))
);
create unique index alert_outbox_one_waiting on cali.alert_outbox (dedup_key) where state <> 'sent';
create index alert_outbox_due on cali.alert_outbox (next_attempt_at) where state in ('pending', 'sending');
create index alert_outbox_by_group on cali.alert_outbox (group_id);

-- The pace of each channel, shared by all processes.
create table cali.slack_channels (
    channel      text primary key,
    next_send_at timestamptz not null
);
"""


def upgrade() -> None:
    """Create the groups, their outbox and the channels' pace."""
    op.execute(ALERTS)
