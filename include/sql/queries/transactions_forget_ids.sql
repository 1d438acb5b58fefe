delete from cali.transaction_ids
where tx_id in (select tx_id from cali.transaction_ids where created_at < %(midnight)s limit %(limit)s)
