select dag_id, task_id, try_number, failed_at, error, url
from cali.task_failures
where dag_id = %(dag_id)s and run_id = %(run_id)s
order by failed_at desc
