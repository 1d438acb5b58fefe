update cali.sla_violations
set acknowledged_at = %(now)s, acknowledged_by = %(by)s
where definition_id = %(definition_id)s and acknowledged_at is null
  and (%(window_start)s::timestamptz is null or window_start = %(window_start)s)
