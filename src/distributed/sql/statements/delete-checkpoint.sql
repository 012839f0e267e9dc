with entries as (delete from {schema}.checkpoint_entries where run_id = $1)
delete from {schema}.checkpoints where run_id = $1
