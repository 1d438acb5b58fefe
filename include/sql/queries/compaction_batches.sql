select batch_id, clean_key, records, compacted_key
from cali.clean_batches
where stream = %(stream)s and hour = %(hour)s
-- Sequence numbers are numbers of up to 56 digits, kept as text.
order by shard_id collate "C", first_sequence_number::numeric, first_sub_sequence, batch_id collate "C"
