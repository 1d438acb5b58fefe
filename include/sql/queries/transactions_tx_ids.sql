select tx_id from cali.transactions
