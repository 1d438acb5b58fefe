insert into cali.sla_verdicts (definition_id, version, window_start, window_end, verdict, reason, decided_at)
values (%(definition_id)s, %(version)s, %(start)s, %(end)s, %(verdict)s, %(reason)s, %(now)s)
on conflict (definition_id, window_start) do nothing
