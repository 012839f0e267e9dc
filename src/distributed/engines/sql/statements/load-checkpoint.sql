select snapshot, seq from {schema}.checkpoints where run_id = $1
