with attached as (
    update cali.sla_violations
    set notified_at = %(now)s, incident_id = %(incident_id)s
    where definition_id = %(definition_id)s and notified_at is null
    returning 1
)
update cali.sla_incidents
set windows = windows + (select count(*) from attached)
where incident_id = %(incident_id)s
returning *
