update cali.sla_incidents
set recovered_at = %(now)s, recovery = %(recovery)s, completed_at = %(completed_at)s
where incident_id = %(incident_id)s and recovered_at is null
returning *
