select definition_id, version, window_start, window_end, verdict, reason, decided_at
from cali.sla_verdicts
where definition_id = %(definition_id)s
order by window_start
