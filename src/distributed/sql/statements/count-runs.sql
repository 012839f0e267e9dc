select status, count(*) as count from {schema}.runs group by status
