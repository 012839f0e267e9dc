-- The graphs of workflows as data.
create table {schema}.workflows (
  -- A hash of id and version, which may be longer than what an index takes.
  key text collate "C" primary key,
  number bigint generated always as identity,
  id text not null,
  version text not null,
  blueprint text not null
);
