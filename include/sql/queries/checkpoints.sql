select shard_id, parent_shard_ids, start_at, sequence_number, state, version, last_arrived_at
from cali.shard_checkpoints
where stream = %(stream)s
