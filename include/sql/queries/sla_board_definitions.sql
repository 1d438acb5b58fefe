select states.definition_id, states.pipeline_name, states.sla_type, states.state, states.judged_until,
       states.next_due_at, definitions.deadline_minutes, definitions.owner, definitions.severity,
       definitions.time_zone, definitions.description, definitions.objective_percent::double precision,
       last.completed_at as last_completed_at, last.covers_to as last_covers_to, burns.started_at as burning_since,
       coalesce(missing.violations, 0) as open_violations, coalesce(missing.unseen, 0) as unacknowledged
from cali.sla_states as states
join cali.sla_definitions as definitions using (definition_id)
left join cali.sla_burns as burns on burns.definition_id = states.definition_id and burns.ended_at is null
left join lateral (
    select log.completed_at, log.covers_to
    from cali.pipeline_completion_log as log
    where log.pipeline_name = states.pipeline_name
    order by log.completed_at desc
    limit 1
) as last on true
left join lateral (
    select count(*) as violations, count(*) filter (where acknowledged_at is null) as unseen
    from cali.sla_violations
    where sla_violations.definition_id = states.definition_id and completed_at is null
) as missing on true
order by states.pipeline_name, states.sla_type
