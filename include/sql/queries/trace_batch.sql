select batch_id, stream, generation, shard_id, state, records, bytes, valid, dead_lettered, alertable, filtered,
       first_sequence_number, last_sequence_number, first_arrived_at, last_arrived_at, drained_at, validated_at,
       alerted_at, audited_at, run_id, raw_key, staged_key, clean_key, dlq_key
from cali.micro_batches
where batch_id = %(batch_id)s
