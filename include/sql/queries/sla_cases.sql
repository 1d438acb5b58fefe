-- Nearly always there is none: two partial indexes are all that is read then.
with untold as (
    select definition_id, count(*) as untold, min(window_start) as first_window, min(due_at) as due_at
    from cali.sla_violations
    where notified_at is null
    group by definition_id
),
open as (
    select definition_id, incident_id, opened_at, escalated_at
    from cali.sla_incidents
    where kind = 'window' and recovered_at is null
)
select latest.definition_id, latest.pipeline_name, latest.sla_type, latest.deadline_minutes, latest.time_zone, latest.owner,
       latest.slack_channel, latest.severity, latest.escalation_channel, latest.escalate_after_minutes,
       latest.enabled and latest.valid_to is null as promised,
       coalesce(newest.verdict = 'on_time' or newest.completed_at is not null, false) as caught_up,
       newest.completed_at, coalesce(untold.untold, 0) as untold, untold.first_window, untold.due_at,
       open.incident_id, open.opened_at, open.escalated_at,
       exists (
           select from cali.sla_violations as seen
           where seen.incident_id = open.incident_id and seen.acknowledged_at is not null
       ) as acknowledged,
       open.incident_id is not null and not exists (
           select from cali.sla_violations as counted where counted.incident_id = open.incident_id
       ) as forgiven
from untold
full join open using (definition_id)
cross join lateral (
    select * from cali.sla_definition_versions as versions
    where versions.definition_id = coalesce(untold.definition_id, open.definition_id)
    order by version desc
    limit 1
) as latest
left join lateral (
    select verdicts.verdict, violations.completed_at
    from cali.sla_verdicts as verdicts
    left join cali.sla_violations as violations using (definition_id, window_start)
    where verdicts.definition_id = latest.definition_id and verdicts.verdict in ('on_time', 'late', 'missed')
    order by verdicts.window_start desc
    limit 1
) as newest on true
order by latest.definition_id
