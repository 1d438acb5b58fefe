with due as (
    -- The day that was asked for, and each before it for which something came. An hour back: who loads looks at the
    -- clock first and commits later.
    select %(day)s::date as day
    union
    select (created_at at time zone %(zone)s)::date
    from cali.transactions
    where created_at < %(until)s
      -- Of an older day some may be gone; its figures stay as they are.
      and ((created_at at time zone %(zone)s)::date)::timestamp at time zone %(zone)s
          >= coalesce(%(since)s::timestamptz, '-infinity')
      and processed_at > coalesce(
        (select max(aggregated_at) from cali.daily_transaction_summary where time_zone = %(zone)s) - interval '1 hour',
        '-infinity'
    )
),
made as (
    select due.day, known.currency, known.amount, known.card_token, known.merchant_id, known.is_fraud, known.fraud_rules
    from due
    cross join lateral (
        select * from cali.transactions
        where created_at >= due.day::timestamp at time zone %(zone)s
          and created_at < (due.day + 1)::timestamp at time zone %(zone)s
    ) as known
),
rules as (
    select day, currency, jsonb_object_agg(rule, found) as fraud_by_rule
    from (
        select day, currency, rule, count(*) as found
        from made cross join unnest(fraud_rules) as rule
        group by day, currency, rule
    ) as counted
    group by day, currency
)
insert into cali.daily_transaction_summary as summary (
    day, time_zone, currency, transactions, amount, cards, merchants, fraud, fraud_amount, fraud_by_rule, aggregated_at
)
select day, %(zone)s, currency, count(*), sum(amount), count(distinct card_token), count(distinct merchant_id),
       count(*) filter (where is_fraud), coalesce(sum(amount) filter (where is_fraud), 0),
       coalesce(fraud_by_rule, '{}'), %(now)s
from made
left join rules using (day, currency)
group by day, currency, fraud_by_rule
on conflict (day, time_zone, currency) do update
set (transactions, amount, cards, merchants, fraud, fraud_amount, fraud_by_rule, aggregated_at) = (
    excluded.transactions, excluded.amount, excluded.cards, excluded.merchants, excluded.fraud, excluded.fraud_amount,
    excluded.fraud_by_rule, excluded.aggregated_at
)
returning day
