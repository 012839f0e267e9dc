select run_id as id, incarnation from {schema}.runs
where retention is not null and finished_at + retention <= {schema}.now_ms()
order by finished_at + retention limit $1::integer
