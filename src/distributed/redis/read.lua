-- Reads a run.
--
-- KEYS: the run, its journal, its snapshot
-- ARGV: the entry up to which it is known, or -1
-- Gives nothing for a run that is unknown, else its fields, the engine's clock, its snapshot or false, and the entries.
local fields = redis.call('HGETALL', KEYS[1])
if #fields == 0 then return false end
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local base, known = tonumber(redis.call('HGET', KEYS[1], 'base')), tonumber(ARGV[1])
if known < base then return { fields, now, redis.call('GET', KEYS[3]), redis.call('LRANGE', KEYS[2], 0, -1) } end
return { fields, now, false, redis.call('LRANGE', KEYS[2], known - base, -1) }
