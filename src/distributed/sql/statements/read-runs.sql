select {schema}.read_runs($1::jsonb) as answers
