select blueprint from {schema}.workflows where key = $1
