update cali.sla_incidents
set escalated_at = %(now)s
where incident_id = %(incident_id)s and escalated_at is null and recovered_at is null
returning *
