-- Extends the lease of places. A place whose lease has ended is taken again, because its attempt still runs.
--
-- KEYS: places
-- ARGV: lease, ids
local places, lease = KEYS[1], tonumber(ARGV[1])
local time = redis.call('TIME')
local ending = string.format('%.3f', time[1] * 1000 + time[2] / 1000 + lease)
-- A script that has removed something may add, although the memory of the server is full. Places need no more memory.
redis.call('ZREM', places, ARGV[2])
for at = 2, #ARGV do redis.call('ZADD', places, ending, ARGV[at]) end
if redis.call('PTTL', places) < lease * 2 then redis.call('PEXPIRE', places, lease * 2) end
