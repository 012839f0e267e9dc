-- Keeps what is under way in a run that is not completed: a completed or removed run has none, and nothing would remove it.
--
-- KEYS: the run, its item states
-- ARGV: items and states
local status = redis.call('HGET', KEYS[1], 'status')
if not status or status == 'completed' then return 0 end
redis.call('HSET', KEYS[2], unpack(ARGV))
return 1
