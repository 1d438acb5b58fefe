update cali.micro_batches
set valid = %(valid)s, dead_lettered = %(dead_lettered)s, staged_key = %(staged_key)s, dlq_key = %(dlq_key)s,
    -- A batch without a valid record has nothing left to alert on, to audit or to publish.
    state = case when %(valid)s = 0 then 'published' else 'validated' end,
    alertable = case when %(valid)s = 0 then 0 end,
    filtered = case when %(valid)s = 0 then 0 end,
    validated_at = %(now)s
where batch_id = %(batch_id)s
