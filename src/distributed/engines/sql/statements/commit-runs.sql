select {schema}.commit_runs($1::jsonb) as answers
