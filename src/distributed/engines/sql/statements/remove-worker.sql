delete from {schema}.workers where worker_id = $1
