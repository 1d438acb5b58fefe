update cali.sla_burns
set ended_at = %(now)s, outcome = %(outcome)s
where definition_id = %(definition_id)s and started_at = %(started_at)s and ended_at is null
