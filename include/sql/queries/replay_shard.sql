insert into cali.shard_checkpoints (
    stream, generation, shard_id, parent_shard_ids, start_at, start_sequence_number, stop_sequence_number, updated_at
)
values (
    %(stream)s, %(generation)s, %(shard_id)s, %(parents)s, %(start_at)s, %(start_sequence_number)s,
    %(stop_sequence_number)s, %(now)s
)
