select batches.stream, results.suite, count(*) filter (where results.success) as passed,
       count(*) filter (where not results.success) as failed,
       coalesce(sum(batches.valid) filter (where batches.state = 'quarantined'), 0)::bigint as quarantined
from cali.quality_results as results
join cali.micro_batches as batches using (batch_id)
where batches.generation = 0 and batches.first_arrived_at >= %(start)s and batches.first_arrived_at < %(end)s
group by 1, 2
order by 1, 2
