-- Both branches walk transactions_by_card from the first new transaction on, and stop after a few rows.
with asked as materialized (
    select card_token, tx_id, to_timestamp(seconds) + microseconds * interval '1 microsecond' as at
    from unnest(%(cards)s::text[], %(tx_ids)s::text[], %(seconds)s::bigint[], %(microseconds)s::bigint[])
         as first (card_token, tx_id, seconds, microseconds)
)
select (extract(epoch from found.created_at) * 1000000)::bigint, found.tx_id, asked.card_token, found.amount_minor,
       found.currency, found.merchant_id, found.country, found.device, found.fraud_rules
from asked
cross join lateral (
    (
        select created_at, tx_id, amount_minor, currency, merchant_id, country, device, fraud_rules
        from cali.transactions as known
        where known.card_token = asked.card_token
          and known.created_at <= asked.at and (known.created_at, known.tx_id) < (asked.at, asked.tx_id)
          and known.created_at >= asked.at - %(days)s * interval '1 day'
        order by known.created_at desc, known.tx_id desc
        limit %(rows_before)s
    )
    union all
    (
        select created_at, tx_id, amount_minor, currency, merchant_id, country, device, fraud_rules
        from cali.transactions as known
        where known.card_token = asked.card_token
          and known.created_at >= asked.at and (known.created_at, known.tx_id) >= (asked.at, asked.tx_id)
        order by known.created_at, known.tx_id
        limit %(rows_behind)s
    )
) as found
