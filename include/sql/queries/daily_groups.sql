select severity, service, title, count, first_seen, last_seen
from cali.alert_groups
where first_seen < %(end)s and last_seen >= %(start)s
order by count desc, severity_rank, id
limit %(most)s
