select to_jsonb(run) as record from {schema}.runs run where run_id = $1
