select {schema}.claim_checkpoint($1, $2, $3, $4, $5::bigint, $6) as held
