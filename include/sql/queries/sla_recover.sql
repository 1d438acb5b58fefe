update cali.sla_violations
set completed_at = %(completed_at)s, minutes_late = %(minutes_late)s, recovered_at = %(recovered_at)s
where definition_id = %(definition_id)s and window_start = %(start)s
