-- A tx_id that another day's partition holds is not added again: its row in transaction_ids is there.
with claimed as (
    insert into cali.transaction_ids (tx_id, created_at)
    select tx_id, created_at from pg_temp.transactions_staging
    on conflict do nothing
    returning tx_id
)
insert into cali.transactions (
    tx_id, created_at, card_token, card_last4, amount_minor, exponent, currency, merchant_id, merchant, category,
    country, device, fraud_rules, batch_id, processed_at
)
select tx_id, created_at, card_token, card_last4, amount, exponent, currency, merchant_id, merchant, category,
       country, device, fraud_rules, %(batch_id)s, %(now)s
from pg_temp.transactions_staging
join claimed using (tx_id)
on conflict do nothing
