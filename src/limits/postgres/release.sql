-- $1 the limit, $2 the key, $3 the id, $4 the cost to give back. Releases a place. If no attempt has started in it, its
-- cost leaves the window.
with claim as (
  delete from {schema}.orchestrator_limit_claims where limit_name = $1 and key = $2 and id = $3
), start as (
  delete from {schema}.orchestrator_limit_starts where $4::float8 > 0 and limit_name = $1 and key = $2 and id = $3
)
delete from {schema}.orchestrator_limit_places where limit_name = $1 and key = $2 and id = $3
