-- Replaces the snapshot of a journal, and drops the entries that the new snapshot contains.
--
-- KEYS: the run, its journal, its snapshot
-- ARGV: the snapshot, the last entry that it contains, the run's incarnation or '' for any
local head = redis.call('HMGET', KEYS[1], 'seq', 'base', 'incarnation')
if not head[1] or (ARGV[3] ~= '' and head[3] ~= ARGV[3]) then return 0 end
local base, upTo = tonumber(head[2]), tonumber(ARGV[2])
if upTo <= base or upTo > tonumber(head[1]) then return 0 end
demand({ 'SET', KEYS[3], '' }, { 'LTRIM', KEYS[2], 0, -1 }, { 'HSET', KEYS[1], '', '' })
redis.call('SET', KEYS[3], ARGV[1])
redis.call('LTRIM', KEYS[2], upTo - base, -1)
redis.call('HSET', KEYS[1], 'base', upTo)
return 1
