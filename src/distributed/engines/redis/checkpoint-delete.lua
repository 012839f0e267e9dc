-- Forgets a run, but for the hold on it.
--
-- KEYS: the hold, the snapshot, the entries, the state
-- ARGV: token or '', lease in milliseconds
-- Gives nothing, or what is wrong: a problem, the holder, since.
local refusal = fence(ARGV[1], tonumber(ARGV[2]))
if refusal then return refusal end
redis.call('UNLINK', KEYS[2], KEYS[3], KEYS[4])
return false
