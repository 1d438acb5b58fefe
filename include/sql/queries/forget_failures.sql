delete from cali.task_failures
where (dag_id, run_id, task_id, map_index, try_number) in (
    select dag_id, run_id, task_id, map_index, try_number
    from cali.task_failures
    where failed_at < %(before)s
    limit %(limit)s
)
