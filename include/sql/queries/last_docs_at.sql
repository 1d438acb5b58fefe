select max(results.started_at)
from cali.quality_results as results
join cali.micro_batches as batches using (batch_id)
where batches.stream = %(stream)s and results.docs_key is not null
