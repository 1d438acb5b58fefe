insert into cali.micro_batches (
    batch_id, stream, generation, shard_id,
    first_sequence_number, first_sub_sequence, last_sequence_number, last_sub_sequence,
    records, bytes, sha256, first_arrived_at, last_arrived_at, raw_key,
    origin_batch_id, run_id, drained_at
) values (
    %(batch_id)s, %(stream)s, %(generation)s, %(shard_id)s,
    %(first_sequence_number)s, %(first_sub_sequence)s, %(last_sequence_number)s, %(last_sub_sequence)s,
    %(records)s, %(bytes)s, %(sha256)s, %(first_arrived_at)s, %(last_arrived_at)s, %(raw_key)s,
    %(origin_batch_id)s, %(run_id)s, %(now)s
)
