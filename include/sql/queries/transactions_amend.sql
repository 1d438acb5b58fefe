update cali.transactions as known
set fraud_rules = amended.rules::text[], processed_at = %(now)s
from unnest(%(tx_ids)s::text[], %(rules)s::text[]) as amended (tx_id, rules)
join cali.transaction_ids as ids using (tx_id)
where known.tx_id = ids.tx_id and known.created_at = ids.created_at
