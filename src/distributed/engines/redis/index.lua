-- Files a run under what it is found by. All keys are of the index, none of the run.
--
-- KEYS: all runs, runs of the workflow, runs to be removed when their time is over,
--   then for each status: runs of that status, runs of the workflow of that status
-- ARGV: the run's id, when it was created or '' to remove it, which of the statuses is its own (from 1),
--   when it is to be removed or '': also for one that is taken out, which is then found as one to be removed
local id, created, own = ARGV[1], ARGV[2], tonumber(ARGV[3])
for at = 1, 2 do
  if created == '' then redis.call('ZREM', KEYS[at], id) else redis.call('ZADD', KEYS[at], created, id) end
end
if ARGV[4] == '' then redis.call('ZREM', KEYS[3], id) else redis.call('ZADD', KEYS[3], ARGV[4], id) end
for at = 4, #KEYS do
  local isOwn = created ~= '' and math.floor((at - 4) / 2) + 1 == own
  if isOwn then redis.call('ZADD', KEYS[at], created, id) else redis.call('ZREM', KEYS[at], id) end
end
return 1
