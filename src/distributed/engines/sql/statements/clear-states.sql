-- $1 an array of { runId, item }
delete from {schema}.item_states using jsonb_array_elements($1::jsonb)
where run_id = value->>'runId' and item = value->>'item'
