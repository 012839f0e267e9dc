select id, version from {schema}.workflows order by number
