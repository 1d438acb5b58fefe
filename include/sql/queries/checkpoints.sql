select
    shard_id, parent_shard_ids, start_at, start_sequence_number, stop_sequence_number, sequence_number, state, version,
    last_arrived_at, caught_up_at, shard_start
from cali.shard_checkpoints
where stream = %(stream)s and generation = %(generation)s
