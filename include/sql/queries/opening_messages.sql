select outbox.cause_shard_id as shard_id, outbox.cause_sequence_number as sequence_number,
       outbox.cause_sub_sequence as sub_sequence, outbox.cause_arrived_at as arrived_at,
       outbox.sent_at, groups.title
from cali.alert_outbox as outbox
join cali.alert_groups as groups on groups.id = outbox.group_id
where groups.stream = %(stream)s and outbox.kind = 'open' and outbox.state = 'sent' and outbox.sent_at >= %(since)s
  -- What a replay tells of happened long before; it says nothing about how fast alerts are.
  and groups.replayed = 0
  -- Of what was held back people were told by a summary; a message of its own follows when it goes on.
  and groups.first_held_at is null
  -- Neither does a record that lay among the dead letters.
  and not exists (
      select from cali.redriven_records as redriven join cali.micro_batches as origin using (batch_id)
      where redriven.sequence_number = outbox.cause_sequence_number
        and origin.stream = groups.stream and origin.shard_id = outbox.cause_shard_id
  )
order by outbox.sent_at
