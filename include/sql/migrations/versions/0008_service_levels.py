"""Service levels: what is promised of each pipeline, what completed, and what became of every window."""

from alembic import op

revision = "0008"
down_revision = "0007"

DEFINITIONS = """
create table cali.sla_definitions (
    definition_id     bigint generated always as identity primary key,
    pipeline_name     text not null,
    sla_type          text not null check (sla_type in ('realtime', 'hourly', 'daily')),
    -- A realtime window's width; otherwise counted from the end of the hour, or of the day by the clock on the wall.
    deadline_minutes  integer not null check (deadline_minutes between 1 and 10080),
    owner             text not null default 'cali',
    slack_channel     text not null default 'cali-alerts',
    enabled           boolean not null default true,
    -- An IANA name.
    time_zone         text not null default 'UTC',
    severity          text not null default 'warning' check (severity in ('critical', 'warning', 'info')),
    objective_percent numeric(6, 3) not null default 99 check (objective_percent > 0 and objective_percent <= 100),
    grace_minutes     integer not null default 0 check (grace_minutes between 0 and 10080),
    description       text not null default '',
    unique (pipeline_name, sla_type)
);

-- Each definition as it read from valid_from on and before valid_to; a trigger writes it, nobody else.
create table cali.sla_definition_versions (
    like cali.sla_definitions,
    version           integer not null,
    valid_from        timestamptz not null,
    valid_to          timestamptz check (valid_to >= valid_from),
    primary key (definition_id, version)
);
"""

HISTORY = """
create function cali.sla_definition_checked() returns trigger language plpgsql as $$
begin
    if not exists (select from pg_timezone_names where name = new.time_zone) then
        raise exception 'time_zone % is not known: give an IANA name such as Europe/Berlin',
            quote_nullable(new.time_zone) using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger sla_definition_checked before insert or update of time_zone on cali.sla_definitions
    for each row execute function cali.sla_definition_checked();

create function cali.sla_definition_kept() returns trigger language plpgsql as $$
declare
    -- Not the transaction's beginning, which may lie before the change of another one; and never before what is there.
    at timestamptz := greatest(clock_timestamp(), (
        select max(valid_from) from cali.sla_definition_versions where definition_id = old.definition_id
    ));
begin
    update cali.sla_definition_versions set valid_to = at where definition_id = old.definition_id and valid_to is null;
    if tg_op <> 'DELETE' then
        insert into cali.sla_definition_versions
        select new.*, 1 + count(*), at, null
        from cali.sla_definition_versions
        where definition_id = new.definition_id;
    end if;
    return null;
end $$;
create trigger sla_definition_made after insert or delete on cali.sla_definitions
    for each row execute function cali.sla_definition_kept();
create trigger sla_definition_changed after update on cali.sla_definitions
    for each row when (old.* is distinct from new.*) execute function cali.sla_definition_kept();
"""

COMPLETIONS = """
create table cali.pipeline_completion_log (
    pipeline_name text not null,
    run_id        text not null,
    -- By the clock, never by the data: a backfill completes today.
    completed_at  timestamptz not null,
    -- Everything that arrived since covers_from (null: ever) and before covers_to is in the result.
    covers_from   timestamptz,
    covers_to     timestamptz not null,
    primary key (pipeline_name, run_id, covers_to),
    constraint covers_what_was check (covers_to <= completed_at),
    constraint covers_some_time check (covers_from <= covers_to)
);
create index pipeline_completion_log_by_time on cali.pipeline_completion_log (pipeline_name, completed_at);

-- Since when no completion is missing in the log; empty until somebody judges.
create table cali.completion_log_horizon (
    single      boolean primary key default true check (single),
    known_since timestamptz not null
);
"""

VERDICTS = """
create table cali.sla_verdicts (
    definition_id bigint not null,
    -- The version that was valid when the window began.
    version       integer not null,
    window_start  timestamptz not null,
    window_end    timestamptz not null check (window_end > window_start),
    verdict       text not null check (verdict in ('on_time', 'late', 'missed', 'unknown', 'excused')),
    reason        text not null,
    decided_at    timestamptz not null,
    primary key (definition_id, window_start),
    foreign key (definition_id, version) references cali.sla_definition_versions
);

-- Verdicts that did not last.
create table cali.sla_verdict_corrections (
    definition_id bigint not null,
    version       integer not null,
    window_start  timestamptz not null,
    window_end    timestamptz not null,
    verdict       text not null,
    reason        text not null,
    decided_at    timestamptz not null,
    replaced_at   timestamptz not null,
    primary key (definition_id, window_start, decided_at),
    foreign key (definition_id, window_start) references cali.sla_verdicts
);

create table cali.sla_violations (
    definition_id   bigint not null,
    window_start    timestamptz not null,
    due_at          timestamptz not null,
    -- With the grace.
    limit_at        timestamptz not null,
    -- What a completion must cover to be this window's.
    reach_at        timestamptz not null,
    since_at        timestamptz,
    detected_at     timestamptz not null,
    cause           text not null,
    completed_at    timestamptz,
    minutes_late    double precision,
    notified_at     timestamptz,
    acknowledged_at timestamptz,
    acknowledged_by text,
    recovered_at    timestamptz,
    primary key (definition_id, window_start),
    foreign key (definition_id, window_start) references cali.sla_verdicts,
    constraint somebody_acknowledged check ((acknowledged_at is null) = (acknowledged_by is null))
);
create index sla_violations_open on cali.sla_violations (due_at) where completed_at is null;
"""

SEEDS = """
insert into cali.sla_definitions (pipeline_name, sla_type, deadline_minutes, enabled, description) values
    ('logs_drain', 'realtime', 5, true, 'Nothing of the log stream waits undrained for longer than this.'),
    ('consumer_batch', 'hourly', 5, true, 'All that arrived in an hour has been through every stage so soon after it.'),
    ('daily_aggregation', 'daily', 540, false,
     'Yesterday is aggregated by nine o''clock. Switched off until something aggregates.');
"""


def upgrade() -> None:
    """Create the definitions with their history, the log of completions, the verdicts and the violations."""
    op.execute(DEFINITIONS)
    op.execute(HISTORY)
    op.execute(COMPLETIONS)
    op.execute(VERDICTS)
    op.execute(SEEDS)
