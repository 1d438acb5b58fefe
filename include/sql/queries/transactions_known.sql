select known.tx_id, known.fraud_rules
from unnest(%(tx_ids)s::text[]) as asked (tx_id)
join cali.transaction_ids as ids using (tx_id)
join cali.transactions as known using (tx_id, created_at)
