-- $1 status or null, $2 workflow or null, $3 version or null, $4 from, $5 before, $6 and $7 the last run of the previous
-- page, $8 limit, $9 null or a text that id or error must contain, with its ASCII letters in lower case, which are the
-- only letters that the collation "C" converts
select to_jsonb(run) as record from {schema}.runs run
where ($1::text is null or status = $1) and ($2::text is null or workflow = $2) and ($3::text is null or version = $3)
  and created_at >= $4::bigint and created_at < $5::bigint
  and ($6::bigint is null or (created_at, run_id) < ($6::bigint, $7::text collate "C"))
  and ($9::text is null or position($9::text in lower(run_id)) > 0 or position($9::text in lower(error collate "C")) > 0)
order by created_at desc, run_id desc limit $8::integer
