-- Takes a crash back, so that it counts for no item. The empty text is not a valid item, and marks such a crash.
--
-- KEYS: the run, its crashes
-- ARGV: the crash
local status = redis.call('HGET', KEYS[1], 'status')
if status and status ~= 'completed' then redis.call('HSET', KEYS[2], ARGV[1], '') end
return 1
