insert into cali.sla_violations (
    definition_id, window_start, due_at, limit_at, reach_at, since_at, detected_at, cause, completed_at, minutes_late,
    recovered_at, notified_at
)
values (
    %(definition_id)s, %(start)s, %(due)s, %(limit)s, %(reach)s, %(since)s, %(now)s, %(reason)s, %(completed_at)s,
    %(minutes_late)s, %(recovered_at)s, %(told_at)s
)
on conflict (definition_id, window_start) do update
set completed_at = excluded.completed_at, minutes_late = excluded.minutes_late, recovered_at = excluded.recovered_at
