select {schema}.save_checkpoint($1, $2, $3::bigint, $4, $5::bigint) as refusal
