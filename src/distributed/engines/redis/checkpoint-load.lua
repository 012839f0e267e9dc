-- Reads a page of a saved flow run.
--
-- KEYS: the snapshot, the entries, the state
-- ARGV: the number of entries that the caller knows, the bytes of entries to return, the time at which the snapshot
--   that the caller knows was saved
-- Returns false for an unknown run. Otherwise: the time at which the snapshot was saved, its number, the number of
--   entries, the snapshot unless the caller knows it, and the entries after those that the caller knows.
local saved = redis.call('HGET', KEYS[3], 'saved') or ''
local isKnown = tonumber(ARGV[1]) > 0 and saved == ARGV[3]
local snapshot = false
if isKnown then
  if redis.call('EXISTS', KEYS[1]) == 0 then return false end
else
  snapshot = redis.call('GET', KEYS[1])
  if not snapshot then return false end
end
local seq = tonumber(redis.call('HGET', KEYS[3], 'seq') or 0)
local from = isKnown and tonumber(ARGV[1]) or 0
return { saved, seq, redis.call('LLEN', KEYS[2]), snapshot, page(KEYS[2], from, tonumber(ARGV[2])) }
