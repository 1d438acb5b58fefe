select dag_id, task_id, try_number, failed_at, error, url
from cali.task_failures
where failed_at between %(since)s and %(now)s
order by failed_at desc
limit 100
