-- $1 run, $2 the entry after which to start, $3 bytes of entries to return, at least one entry
select seq, text from (
  select seq, text, sum(octet_length(text)) over (order by seq) - octet_length(text) as before
  from (
    select seq, text from {schema}.checkpoint_entries where run_id = $1 and seq > $2::bigint order by seq limit 10000
  ) first
) page
where before < $3::bigint order by seq
