"""Telling of service levels: incidents, their webhook's outbox, failed tasks, maintenance, and who is alive."""

from alembic import op

revision = "0013"
down_revision = "0012"

DEFINITIONS = """
alter table cali.sla_definitions
    -- Where it is told again when nobody has acknowledged it; null: nowhere.
    add column escalation_channel     text,
    add column escalate_after_minutes integer not null default 30 check (escalate_after_minutes between 1 and 10080);
alter table cali.sla_definition_versions
    add column escalation_channel     text,
    add column escalate_after_minutes integer not null default 30;

-- By the columns' names: those that come later stand behind the version's own.
create or replace function cali.sla_definition_kept() returns trigger language plpgsql as $$
declare
    -- Not the transaction's beginning, which may lie before the change of another one; and never before what is there.
    at timestamptz := greatest(clock_timestamp(), (
        select max(valid_from) from cali.sla_definition_versions where definition_id = old.definition_id
    ));
begin
    update cali.sla_definition_versions set valid_to = at where definition_id = old.definition_id and valid_to is null;
    if tg_op <> 'DELETE' then
        insert into cali.sla_definition_versions
        select made.*
        from (
            select 1 + count(*) as version
            from cali.sla_definition_versions
            where definition_id = new.definition_id
        ) as next
        cross join lateral jsonb_populate_record(
            null::cali.sla_definition_versions,
            to_jsonb(new) || jsonb_build_object('version', next.version, 'valid_from', at)
        ) as made;
    end if;
    return null;
end $$;
"""

INCIDENTS = """
-- What people are told of: once when it begins, once when it is over, however many windows it takes.
create table cali.sla_incidents (
    incident_id            bigint generated always as identity primary key,
    -- Windows of a definition, a run that hangs, or a part of the platform that is silent.
    kind                   text not null check (kind in ('window', 'run', 'platform')),
    subject                text not null,
    definition_id          bigint,
    name                   text not null,
    sla_type               text,
    owner                  text not null,
    channel                text not null,
    severity               text not null,
    -- What was promised, in words.
    promise                text not null,
    due_at                 timestamptz not null,
    opened_at              timestamptz not null,
    windows                integer not null,
    cause                  text not null,
    url                    text,
    escalated_at           timestamptz,
    recovered_at           timestamptz,
    recovery               text,
    completed_at           timestamptz,
    constraint of_a_definition check ((definition_id is not null) = (kind = 'window')),
    constraint recovered_somehow check ((recovered_at is null) = (recovery is null))
);
create unique index sla_incidents_one_open on cali.sla_incidents (kind, subject) where recovered_at is null;
-- A run hangs once.
create unique index sla_incidents_one_of_a_run on cali.sla_incidents (subject) where kind = 'run';

alter table cali.sla_violations add column incident_id bigint references cali.sla_incidents;
-- Nobody is told today of what was missed before anybody could be told.
update cali.sla_violations set notified_at = detected_at where notified_at is null;
create index sla_violations_untold on cali.sla_violations (definition_id) where notified_at is null;
create index sla_violations_by_incident on cali.sla_violations (incident_id);

-- What a missed window may come from: each failed try of a task.
create table cali.task_failures (
    dag_id     text not null,
    run_id     text not null,
    task_id    text not null,
    map_index  integer not null,
    try_number integer not null,
    failed_at  timestamptz not null,
    error      text not null,
    url        text,
    primary key (dag_id, run_id, task_id, map_index, try_number)
);
create index task_failures_by_time on cali.task_failures (failed_at);
"""

WEBHOOK = """
create table cali.webhook_outbox (
    id              bigint generated always as identity primary key,
    -- The same for the same event, for receivers that want each once.
    event_id        uuid not null unique,
    body            text not null,
    state           text not null default 'pending' check (state in ('pending', 'sending', 'sent', 'given_up')),
    -- Counts the claims, and is the fencing token of the newest one.
    attempts        integer not null default 0,
    next_attempt_at timestamptz not null,
    last_error      text,
    created_at      timestamptz not null,
    ended_at        timestamptz
);
create index webhook_outbox_due on cali.webhook_outbox (next_attempt_at) where state in ('pending', 'sending');
"""

MAINTENANCE = """
-- Spans in which a miss is excused; of one pipeline, or (null) of all.
create table cali.sla_maintenance (
    maintenance_id bigint generated always as identity primary key,
    pipeline_name  text,
    starts_at      timestamptz not null,
    ends_at        timestamptz not null,
    reason         text not null check (reason <> ''),
    announced_by   text not null default current_user,
    announced_at   timestamptz not null default clock_timestamp(),
    constraint it_lasts check (ends_at > starts_at)
);
create index sla_maintenance_by_end on cali.sla_maintenance (ends_at);

-- Why a verdict did not last; until now there was one reason.
alter table cali.sla_verdict_corrections add column because text not null default 'completed since';

-- When each of those that watch was last at work.
create table cali.heartbeats (
    name    text primary key,
    beat_at timestamptz not null
);
"""


def upgrade() -> None:
    """Create what is told, to whom it goes, what excuses it, and who looks."""
    op.execute(DEFINITIONS)
    op.execute(INCIDENTS)
    op.execute(WEBHOOK)
    op.execute(MAINTENANCE)
