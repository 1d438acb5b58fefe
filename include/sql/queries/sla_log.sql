insert into cali.pipeline_completion_log (pipeline_name, run_id, completed_at, covers_from, covers_to)
values (%(pipeline_name)s, %(run_id)s, %(completed_at)s, %(covers_from)s, %(covers_to)s)
on conflict do nothing
