insert into cali.redriven_records (
    batch_id, sequence_number, sub_sequence, stage, reason, redrive_id, redrive_batch_id, redriven_at
)
select %(batch_id)s, sequence_number, sub_sequence, %(stage)s, %(reason)s, %(redrive_id)s, %(redrive_batch_id)s, %(now)s
from unnest(%(sequence_numbers)s::text[], %(sub_sequences)s::integer[]) as fixed (sequence_number, sub_sequence)
