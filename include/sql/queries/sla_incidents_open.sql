select * from cali.sla_incidents where kind = %(kind)s and recovered_at is null order by incident_id
