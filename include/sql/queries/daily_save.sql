insert into cali.daily_reports (
    day, time_zone, from_at, to_at, records, parquet_key, html_key, run_id, written_at
)
values (
    %(day)s, %(time_zone)s, %(from_at)s, %(to_at)s, %(records)s, %(parquet_key)s, %(html_key)s, %(run_id)s,
    %(written_at)s
)
on conflict (day) do update
set time_zone = excluded.time_zone, from_at = excluded.from_at, to_at = excluded.to_at, records = excluded.records,
    parquet_key = excluded.parquet_key, html_key = excluded.html_key, run_id = excluded.run_id,
    written_at = excluded.written_at
