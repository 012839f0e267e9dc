insert into {schema}.checkpoint_entries (run_id, text)
select run_id, $2 from {schema}.checkpoints where run_id = $1 for share
returning number
