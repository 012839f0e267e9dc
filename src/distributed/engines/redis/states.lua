-- Keeps what is under way in a run that is under way: in one that is over or removed nothing would take it away again.
--
-- KEYS: the run, its item states
-- ARGV: items and states
local status = redis.call('HGET', KEYS[1], 'status')
local isOver = status == 'completed' or status == 'failed' or status == 'cancelled' or status == 'stalled'
if not status or isOver then return 0 end
redis.call('HSET', KEYS[2], unpack(ARGV))
return 1
