-- Nothing completes before the instant that its data reach, so the index is read from there on, to the first match.
select completed_at
from cali.pipeline_completion_log
where pipeline_name = %(pipeline_name)s and completed_at between %(reach)s and %(now)s and covers_to >= %(reach)s
  and (%(since)s::timestamptz is null or covers_from is null or covers_from <= %(since)s)
order by completed_at
limit 1
