-- $1 an array of { runId, token }, $2 milliseconds. Returns the tokens of the holds that still exist.
update {schema}.checkpoint_holds set until = {schema}.now_ms() + $2::bigint
from jsonb_array_elements($1::jsonb) held
where run_id = held.value->>'runId' and token = held.value->>'token'
returning token
