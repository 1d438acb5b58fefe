select definitions.definition_id, windows.window_start, windows.window_end, windows.verdict, windows.reason
from cali.sla_definitions as definitions
cross join lateral (
    select verdicts.window_start, verdicts.window_end, verdicts.verdict, verdicts.reason
    from cali.sla_verdicts as verdicts
    where verdicts.definition_id = definitions.definition_id
    order by verdicts.window_start desc
    limit %(windows)s
) as windows
order by definitions.definition_id, windows.window_start
