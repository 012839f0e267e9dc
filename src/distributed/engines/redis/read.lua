-- Reads a page of the journal of a run.
--
-- KEYS: the run, its journal, its snapshot
-- ARGV: the last entry that the caller knows, or -1; the bytes of entries to return
-- Returns false for an unknown run. Otherwise: its fields, the engine's time, its snapshot or false, and the entries
--   after the one that the caller knows, or after the snapshot.
local fields = redis.call('HGETALL', KEYS[1])
if #fields == 0 then return false end
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local base, known = tonumber(redis.call('HGET', KEYS[1], 'base')), tonumber(ARGV[1])
local bytes = tonumber(ARGV[2])
if known < base then return { fields, now, redis.call('GET', KEYS[3]), page(KEYS[2], 0, bytes) } end
return { fields, now, false, page(KEYS[2], known - base, bytes) }
