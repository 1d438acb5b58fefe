select service, level, records, first_arrived_at, last_arrived_at
from cali.daily_log_summary
where day = %(day)s
order by service, level
