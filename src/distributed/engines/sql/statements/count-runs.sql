-- Active runs are counted in the index. Finished runs are counted in run_counts when they end.
select status, count(*) as count from {schema}.runs where status in ('scheduled', 'running', 'awaiting', 'paused')
group by status
union all
select status, sum(count) from {schema}.run_counts group by status
