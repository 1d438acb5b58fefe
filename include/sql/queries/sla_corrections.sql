select definition_id, version, window_start, window_end, verdict, reason, decided_at, replaced_at, because
from cali.sla_verdict_corrections
where definition_id = %(definition_id)s
order by window_start
