-- $1 the schema, quoted. Returns the tables that are missing.
select name from unnest(array['places', 'starts', 'pauses', 'claims']) as name
where to_regclass($1 || '.orchestrator_limit_' || name) is null
