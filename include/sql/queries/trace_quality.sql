select suite, success, evaluated, successful, docs_key
from cali.quality_results
where batch_id = %(batch_id)s
order by suite
