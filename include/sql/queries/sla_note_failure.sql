insert into cali.task_failures (dag_id, run_id, task_id, map_index, try_number, failed_at, error, url)
values (
    %(dag_id)s, %(run_id)s, %(task_id)s, %(map_index)s, %(try_number)s, %(failed_at)s, %(error)s, %(url)s
)
on conflict do nothing
