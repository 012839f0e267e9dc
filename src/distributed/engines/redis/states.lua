-- Records what a run is executing. Does nothing for a finished or removed run, because nothing would clear the record.
--
-- KEYS: the run, its item states
-- ARGV: items and states
local status = redis.call('HGET', KEYS[1], 'status')
local isOver = status == 'completed' or status == 'failed' or status == 'cancelled' or status == 'stalled'
if not status or isOver then return 0 end
redis.call('HSET', KEYS[2], unpack(ARGV))
return 1
