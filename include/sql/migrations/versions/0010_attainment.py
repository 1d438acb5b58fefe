"""Attainment: how a definition stands, what it attained, how fast its error budget burns, and who was told of it."""

from alembic import op

revision = "0010"
down_revision = "0009"

STATES = """
create index sla_verdicts_by_end on cali.sla_verdicts (definition_id, window_end);

-- How each definition stands: its newest verdict. Where a window was due and nobody judged, it is unknown, never green.
create function cali.sla_states_at(at timestamptz) returns table (
    definition_id bigint, pipeline_name text, sla_type text, state text, judged_until timestamptz,
    next_due_at timestamptz
) language sql stable as $$
    select definitions.definition_id, definitions.pipeline_name, definitions.sla_type,
           case
               when not definitions.enabled then 'off'
               when coming.due_at is null then 'unknown'
               -- The monitor comes each minute: five of them are no delay but a failure.
               when coming.due_at + coming.grace + interval '5 minutes' < at then 'unknown'
               else newest.verdict
           end,
           newest.window_end,
           case when definitions.enabled then coming.due_at end
    from cali.sla_definitions as definitions
    left join lateral (
        select verdicts.verdict, verdicts.window_end
        from cali.sla_verdicts as verdicts
        where verdicts.definition_id = definitions.definition_id and verdicts.window_end <= at
        order by verdicts.window_start desc
        limit 1
    ) as newest on true
    -- The window that begins where the newest verdict's ended, by the terms that were valid then.
    left join lateral (
        select versions.grace_minutes * interval '1 minute' as grace,
               case versions.sla_type
                   when 'realtime' then newest.window_end + versions.deadline_minutes * interval '1 minute'
                   when 'hourly'
                   then newest.window_end + interval '1 hour' + versions.deadline_minutes * interval '1 minute'
                   else (
                       (newest.window_end at time zone versions.time_zone)::date + interval '1 day'
                       + versions.deadline_minutes * interval '1 minute'
                   ) at time zone versions.time_zone
               end as due_at
        from cali.sla_definition_versions as versions
        where versions.definition_id = definitions.definition_id and versions.enabled
          and versions.valid_from <= newest.window_end
          and (versions.valid_to is null or versions.valid_to > newest.window_end)
    ) as coming on true
$$;
create view cali.sla_states as select * from cali.sla_states_at(now());
"""
# A daily window's due instant counts from midnight by the clock on the wall, like `include.sla.windows`; only where
# half an hour is skipped in the night is an hourly one half an hour off.

ATTAINMENT = """
-- Up to the newest verdict, not up to now: while nobody judges, no miss grows old and turns the figure green.
create view cali.sla_attainment as
select definitions.definition_id, definitions.pipeline_name, definitions.sla_type, definitions.objective_percent,
       periods.days, newest.judged_until, figures.windows, figures.on_time, figures.late, figures.missed,
       figures.excused, figures.unknown,
       round(100.0 * figures.on_time / nullif(figures.windows, 0), 3) as percent_on_time,
       figures.minutes_late,
       round(
           100 - 100 * (figures.late + figures.missed)
                     / nullif(figures.windows * (1 - definitions.objective_percent / 100), 0), 1
       ) as budget_left_percent
from cali.sla_definitions as definitions
cross join (values (1), (7), (30)) as periods (days)
left join lateral (
    select max(verdicts.window_end) as judged_until
    from cali.sla_verdicts as verdicts
    where verdicts.definition_id = definitions.definition_id
) as newest on true
cross join lateral (
    -- Excused and unknown windows are in neither the numerator nor the denominator.
    select count(*) filter (where verdicts.verdict in ('on_time', 'late', 'missed')) as windows,
           count(*) filter (where verdicts.verdict = 'on_time') as on_time,
           count(*) filter (where verdicts.verdict = 'late') as late,
           count(*) filter (where verdicts.verdict = 'missed') as missed,
           count(*) filter (where verdicts.verdict = 'excused') as excused,
           count(*) filter (where verdicts.verdict = 'unknown') as unknown,
           coalesce(round(sum(violations.minutes_late)::numeric, 1), 0) as minutes_late
    from cali.sla_verdicts as verdicts
    left join cali.sla_violations as violations using (definition_id, window_start)
    where verdicts.definition_id = definitions.definition_id
      -- Days of the place: the one on which an hour is lost holds one daily window, like every other.
      and verdicts.window_end > (
          newest.judged_until at time zone definitions.time_zone - periods.days * interval '1 day'
      ) at time zone definitions.time_zone
) as figures;
"""

BURNS = """
-- How many times faster than allowed a definition spends its error budget; 1 spends it all in its period. The pairs of
-- spans and thresholds are those of https://sre.google/workbook/alerting-on-slos/. At least two windows must be bad:
-- one of few is no trend, and is told as a violation anyway. Null: nothing can be told.
create view cali.sla_burn_rates as
select definitions.definition_id, definitions.pipeline_name, definitions.sla_type, rules.long_minutes,
       rules.short_minutes, rules.threshold, spans.windows, spans.bad, rates.long_rate, rates.short_rate,
       spans.bad >= 2 and rates.long_rate > rules.threshold and rates.short_rate > rules.threshold as burning,
       rates.short_rate <= rules.threshold as calm
from cali.sla_definitions as definitions
cross join (values (60, 5, 14.4), (360, 30, 6.0)) as rules (long_minutes, short_minutes, threshold)
left join lateral (
    select max(verdicts.window_end) as judged_until
    from cali.sla_verdicts as verdicts
    where verdicts.definition_id = definitions.definition_id
) as newest on true
cross join lateral (
    select count(*) as windows,
           count(*) filter (where verdicts.verdict <> 'on_time') as bad,
           count(*) filter (where recent) as short_windows,
           count(*) filter (where recent and verdicts.verdict <> 'on_time') as short_bad
    from cali.sla_verdicts as verdicts
    cross join lateral (
        select verdicts.window_end > newest.judged_until - rules.short_minutes * interval '1 minute' as recent
    ) as ages
    where verdicts.definition_id = definitions.definition_id and verdicts.verdict in ('on_time', 'late', 'missed')
      and verdicts.window_end > newest.judged_until - rules.long_minutes * interval '1 minute'
) as spans
cross join lateral (
    select 1 - definitions.objective_percent / 100 as allowed
) as budget
cross join lateral (
    select round(spans.bad::numeric / nullif(spans.windows, 0) / nullif(budget.allowed, 0), 2) as long_rate,
           round(spans.short_bad::numeric / nullif(spans.short_windows, 0) / nullif(budget.allowed, 0), 2) as short_rate
) as rates;

-- Each time that a budget burned too fast. One is open for a definition, or none.
create table cali.sla_burns (
    definition_id bigint not null,
    started_at    timestamptz not null,
    pipeline_name text not null,
    sla_type      text not null,
    slack_channel text not null,
    severity      text not null,
    long_minutes  integer not null,
    long_rate     numeric not null,
    short_rate    numeric not null,
    windows       integer not null,
    bad           integer not null,
    ended_at      timestamptz,
    -- recovered: it does not burn any more. withdrawn: nothing is promised any more.
    outcome       text check (outcome in ('recovered', 'withdrawn')),
    primary key (definition_id, started_at),
    constraint ended_somehow check ((ended_at is null) = (outcome is null))
);
create unique index sla_burns_open on cali.sla_burns (definition_id) where ended_at is null;
"""


def upgrade() -> None:
    """Create the states, the attainment and the burn rates as views, and the burns."""
    op.execute(STATES)
    op.execute(ATTAINMENT)
    op.execute(BURNS)
