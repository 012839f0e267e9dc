select {schema}.delete_checkpoint($1, $2, $3::bigint) as refusal
