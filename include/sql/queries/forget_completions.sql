-- From now on the log is only known to be whole since then.
with moved as (
    update cali.completion_log_horizon
    set known_since = greatest(known_since, %(before)s)
    where exists (select from cali.pipeline_completion_log where completed_at < %(before)s)
)
delete from cali.pipeline_completion_log
where (pipeline_name, run_id, covers_to) in (
    select pipeline_name, run_id, covers_to
    from cali.pipeline_completion_log
    where completed_at < %(before)s
    limit %(limit)s
)
