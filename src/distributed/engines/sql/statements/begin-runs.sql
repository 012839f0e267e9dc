select {schema}.begin_runs($1::jsonb) as answers
