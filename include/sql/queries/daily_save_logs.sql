insert into cali.daily_log_summary (day, service, level, records, first_arrived_at, last_arrived_at)
values (%(day)s, %(service)s, %(level)s, %(records)s, %(first_arrived_at)s, %(last_arrived_at)s)
on conflict (day, service, level) do update
set records = excluded.records, first_arrived_at = excluded.first_arrived_at, last_arrived_at = excluded.last_arrived_at
