select verdicts.definition_id, verdicts.version, versions.pipeline_name, verdicts.window_start as start,
       verdicts.window_end as "end", missed.due_at as due, missed.limit_at as "limit", missed.reach_at as reach,
       missed.since_at as since, first.completed_at
from cali.sla_violations as missed
join cali.sla_verdicts as verdicts using (definition_id, window_start)
join cali.sla_definition_versions as versions using (definition_id, version)
cross join lateral (
    select log.completed_at
    from cali.pipeline_completion_log as log
    where log.pipeline_name = versions.pipeline_name and log.completed_at between missed.reach_at and %(now)s
      and log.covers_to >= missed.reach_at
      and (missed.since_at is null or log.covers_from is null or log.covers_from <= missed.since_at)
    order by log.completed_at
    limit 1
) as first
where missed.completed_at is null and verdicts.verdict = 'missed'
order by missed.due_at, missed.definition_id, missed.window_start
limit %(most)s
