create temporary table if not exists transactions_staging (
    tx_id text, card_token text, card_last4 text, amount bigint, currency text, merchant_id text, merchant text,
    category text, country text, device text, created_at timestamptz, fraud_rules text[], exponent smallint
) on commit delete rows
