-- Reads a run in process, a page at a time.
--
-- KEYS: the snapshot, the entries, the state
-- ARGV: how many entries are known, how many bytes of entries are asked for, when the known snapshot was saved
-- Gives nothing for a run that is unknown, else: when its snapshot was saved, the snapshot's number, how many entries
--   there are, the snapshot unless it is the known one, and entries: behind the known ones, or from the first.
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
