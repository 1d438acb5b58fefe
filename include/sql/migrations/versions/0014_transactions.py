"""Card transactions with their verdicts, a partition for each day, and each day's figures."""

from alembic import op

revision = "0014"
down_revision = "0013"

TRANSACTIONS = """
create table cali.transactions (
    tx_id        text not null,
    -- When it was made, by its own time.
    created_at   timestamptz not null,
    -- HMAC of the card number under a key that the database does not know.
    card_token   text not null,
    card_last4   text not null check (card_last4 ~ '^[0-9]{4}$'),
    amount_minor bigint not null check (amount_minor > 0),
    exponent     smallint not null check (exponent between 0 and 3),
    amount       numeric generated always as (
        round(amount_minor::numeric / (10::numeric ^ exponent::numeric), exponent::integer)
    ) virtual,
    currency     text not null,
    merchant_id  text not null,
    merchant     text not null,
    category     text not null,
    country      text not null,
    device       text not null,
    fraud_rules  text[] not null default '{}',
    is_fraud     boolean not null generated always as (cardinality(fraud_rules) > 0) stored,
    -- The batch that brought it first.
    batch_id     text not null,
    processed_at timestamptz not null,
    primary key (tx_id, created_at)
) partition by range (created_at);
-- What the rules ask for: a card's newest transactions before an instant.
create index transactions_by_card on cali.transactions (card_token, created_at, tx_id);
create index transactions_of_fraud on cali.transactions (created_at) where is_fraud;
-- What came late for a day that is summed up already.
create index transactions_by_processing on cali.transactions using brin (processed_at);

-- A partitioned table's key has to name the day as well; this one keeps a tx_id unique over all days.
create table cali.transaction_ids (
    tx_id      text primary key,
    created_at timestamptz not null
);
"""

DAYS = """
-- Make the partition of a day (in UTC) where it is missing. Attached: to create it in place would lock readers out.
create function cali.transactions_day(day date) returns void language plpgsql as $$
declare
    part text := 'transactions_' || to_char(day, 'YYYYMMDD');
begin
    if to_regclass('cali.' || part) is null then
        execute format('create table cali.%I (like cali.transactions including all)', part);
        execute format(
            'alter table cali.transactions attach partition cali.%I for values from (%L) to (%L)',
            part, day::timestamp at time zone 'UTC', (day + 1)::timestamp at time zone 'UTC'
        );
    end if;
end $$;
"""

SUMMARY = """
create table cali.daily_transaction_summary (
    -- A day by the clock on the wall of the time zone.
    day            date not null,
    time_zone      text not null,
    currency       text not null,
    transactions   bigint not null,
    amount         numeric not null,
    cards          bigint not null,
    merchants      bigint not null,
    fraud          bigint not null,
    fraud_amount   numeric not null,
    fraud_by_rule  jsonb not null,
    aggregated_at  timestamptz not null,
    primary key (day, time_zone, currency)
);
"""

SEEDS = """
insert into cali.sla_definitions (pipeline_name, sla_type, deadline_minutes, enabled, description) values
    ('transactions_drain', 'realtime', 5, false,
     'Nothing of the transaction stream waits undrained for longer than this. Switch it on with the stream.'),
    ('transactions_daily', 'daily', 540, false,
     'Yesterday''s transactions are summed up by nine o''clock. Switch it on with the stream.');
"""


def upgrade() -> None:
    """Create the transactions, their ids, the daily figures and what is promised of them."""
    op.execute(TRANSACTIONS)
    op.execute(DAYS)
    op.execute(SUMMARY)
    op.execute(SEEDS)
