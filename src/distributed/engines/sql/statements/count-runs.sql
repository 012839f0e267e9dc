-- Those that are under way are in one place of the index; those that are over are counted as they end.
select status, count(*) as count from {schema}.runs where status in ('scheduled', 'running', 'awaiting', 'paused')
group by status
union all
select status, sum(count) from {schema}.run_counts group by status
