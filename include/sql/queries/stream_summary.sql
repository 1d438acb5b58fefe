-- Records are counted where they were drained; batches, stages and quarantine also where they were redriven.
select
    count(*) as batches,
    coalesce(sum(records) filter (where origin_batch_id is null), 0)::bigint as drained,
    coalesce(sum(valid) filter (where origin_batch_id is null), 0)::bigint as valid,
    coalesce(sum(dead_lettered) filter (where origin_batch_id is null), 0)::bigint as dead_lettered,
    coalesce(sum(alertable) filter (where origin_batch_id is null), 0)::bigint as alertable,
    coalesce(sum(filtered) filter (where origin_batch_id is null), 0)::bigint as filtered,
    coalesce(sum(valid) filter (where origin_batch_id is not null), 0)::bigint as redriven,
    count(*) filter (where state = 'published') as published,
    count(*) filter (where state = 'quarantined') as quarantined,
    coalesce(sum(valid) filter (where state = 'quarantined'), 0)::bigint as quarantined_records,
    count(*) filter (
        where valid + dead_lettered <> records or alertable + filtered <> valid
    ) as unconserved,
    (select count(*) from cali.batch_stages as stages join cali.micro_batches as waiting using (batch_id)
     where waiting.stream = %(stream)s and waiting.generation = 0 and stages.state <> 'done') as open_stages,
    (select count(*) from cali.quality_results join cali.micro_batches as judged using (batch_id)
     where judged.stream = %(stream)s and judged.generation = 0) as quality_runs,
    (select count(*) from cali.alert_groups where stream = %(stream)s) as alert_groups,
    (select count(*) from cali.alert_outbox join cali.alert_groups as told on told.id = group_id
     where told.stream = %(stream)s and alert_outbox.state = 'sent') as slack_messages,
    (select count(*) from cali.alert_outbox join cali.alert_groups as told on told.id = group_id
     where told.stream = %(stream)s and told.held_by is null
       and alert_outbox.kind = 'open' and alert_outbox.state not in ('sent', 'withdrawn')) as openings_waiting
from cali.micro_batches
where stream = %(stream)s and generation = 0
