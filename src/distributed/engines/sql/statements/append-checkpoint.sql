select {schema}.append_checkpoint($1, $2::bigint, array[$3::text], $4, $5::bigint) as answers
