select run_id as id from {schema}.runs
where status in ('running', 'scheduled') and greatest(updated_at, start_at) <= {schema}.now_ms() - $1::bigint
order by updated_at limit $2::integer
