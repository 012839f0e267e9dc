-- Updates the index for a run. All keys belong to the index, none to the run.
--
-- KEYS: all runs, runs of the workflow, runs that expire,
--   then for each status: runs with that status, runs of the workflow with that status
-- ARGV: the run's id, its time of creation or '' to remove it from the lists, the position of its status (from 1),
--   the time at which it expires or '' (also set for a run that is removed from the lists but not deleted yet)
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
