select definition_id, window_start, due_at, detected_at, cause, completed_at, minutes_late, recovered_at,
       notified_at, acknowledged_at, acknowledged_by
from cali.sla_violations
where definition_id = %(definition_id)s
order by window_start
