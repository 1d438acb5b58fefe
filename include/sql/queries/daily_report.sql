select day, time_zone, from_at, to_at, records, parquet_key, html_key, run_id, written_at
from cali.daily_reports
where day = %(day)s
for update
