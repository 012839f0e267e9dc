select snapshot,
  (select coalesce(jsonb_agg(text order by number), '[]') from {schema}.checkpoint_entries where run_id = $1) as entries
from {schema}.checkpoints where run_id = $1
