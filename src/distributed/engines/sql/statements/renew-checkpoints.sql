-- $1 an array of { runId, token }, $2 milliseconds; gives the tokens of those that still hold their runs
update {schema}.checkpoint_holds set until = {schema}.now_ms() + $2::bigint
from jsonb_array_elements($1::jsonb) held
where run_id = held.value->>'runId' and token = held.value->>'token'
returning token
