select run_id as id, status from {schema}.runs where run_id = any($1::text[])
