update cali.sla_verdicts
set verdict = %(verdict)s, reason = %(reason)s, decided_at = %(now)s
where definition_id = %(definition_id)s and window_start = %(start)s
