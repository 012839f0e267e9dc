-- $1 key, $2 id, $3 version, $4 blueprint
insert into {schema}.workflows (key, id, version, blueprint)
select $1, $2, $3, $4 where not exists (select from {schema}.workflows where key = $1 and blueprint = $4)
on conflict (key) do update set blueprint = excluded.blueprint
