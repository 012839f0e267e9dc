-- Later migrations, each with the lowest version of the schema that a program may know to work with what it has made, and
-- the version of the package that has made it.
create table {schema}.changes (
  version integer primary key,
  least integer not null,
  package text not null,
  applied_at timestamptz not null default now()
);

-- What is known of the fleet as a whole: the prefix as its programs write it.
create table {schema}.about (
  key text collate "C" primary key,
  value text not null
);
