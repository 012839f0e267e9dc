select run_id as id from {schema}.checkpoints order by run_id
