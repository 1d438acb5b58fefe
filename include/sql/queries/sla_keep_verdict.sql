insert into cali.sla_verdict_corrections (
    definition_id, version, window_start, window_end, verdict, reason, decided_at, replaced_at, because
)
select definition_id, version, window_start, window_end, verdict, reason, decided_at, %(now)s, %(because)s
from cali.sla_verdicts
where definition_id = %(definition_id)s and window_start = %(start)s and verdict = %(was)s
for update
