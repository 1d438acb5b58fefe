select definitions.definition_id, missed.window_start, missed.due_at, missed.detected_at, missed.cause,
       missed.acknowledged_at, missed.acknowledged_by
from cali.sla_definitions as definitions
cross join lateral (
    select *
    from cali.sla_violations as violations
    where violations.definition_id = definitions.definition_id and violations.completed_at is null
    -- What nobody has seen comes first.
    order by violations.acknowledged_at is null desc, violations.due_at desc
    limit %(violations)s
) as missed
order by definitions.definition_id, missed.acknowledged_at is null desc, missed.due_at desc
