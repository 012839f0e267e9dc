-- Takes a crash back: it counts for no item from now on. An item has at least one character.
--
-- KEYS: the run, its crashes
-- ARGV: the crash
local status = redis.call('HGET', KEYS[1], 'status')
if status and status ~= 'completed' then redis.call('HSET', KEYS[2], ARGV[1], '') end
return 1
