delete from {schema}.checkpoint_holds where run_id = $1 and token = $2
