-- Null is the end of the shard: nothing of it is left to read.
update cali.shard_checkpoints
set start_sequence_number = coalesce(%(to)s, start_sequence_number),
    state = case when %(to)s::text is null then 'closed' else state end,
    version = version + 1,
    updated_at = %(now)s
where stream = %(stream)s and generation = %(generation)s and shard_id = %(shard_id)s
  and version = %(expected_version)s and state = 'open'
