select definitions.pipeline_name, definitions.sla_type, definitions.objective_percent::double precision as objective,
       count(*) filter (where verdicts.verdict in ('on_time', 'late', 'missed')) as windows,
       count(*) filter (where verdicts.verdict = 'on_time') as on_time,
       count(*) filter (where verdicts.verdict = 'late') as late,
       count(*) filter (where verdicts.verdict = 'missed') as missed
from cali.sla_definitions as definitions
left join cali.sla_verdicts as verdicts
    on verdicts.definition_id = definitions.definition_id
   and verdicts.window_end > %(start)s and verdicts.window_end <= %(end)s
where definitions.enabled
group by definitions.definition_id
order by 1, 2
