select state from {schema}.item_states where run_id = $1 order by item
