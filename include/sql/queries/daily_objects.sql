-- Whole hours, because an hour's batches may lie in one object; both sums are of one moment.
with hours as (
    select distinct published.hour
    from cali.clean_batches as published
    join cali.micro_batches as batches using (batch_id)
    where published.stream = %(stream)s
      and batches.first_arrived_at < %(end)s and batches.last_arrived_at >= %(start)s
)
select coalesce((
    select sum(records)
    from cali.clean_batches
    where stream = %(stream)s and hour in (select hour from hours)
), 0)::bigint as published,
coalesce(sum(records), 0)::bigint as held,
coalesce(array_agg(object_key order by hour, object_key collate "C"), '{}') as keys
from cali.clean_objects
where stream = %(stream)s and hour in (select hour from hours)
