select {schema}.append_checkpoint($1, $2::bigint, $3::text[], $4, $5::bigint) as answers
