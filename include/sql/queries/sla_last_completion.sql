select max(completed_at)
from cali.pipeline_completion_log
where pipeline_name = %(pipeline_name)s
