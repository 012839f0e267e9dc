-- Removes a saved flow run, but not the hold on it.
--
-- KEYS: the hold, the snapshot, the entries, the state
-- ARGV: token or '', lease in milliseconds
-- Returns false if the run was removed; otherwise a problem, the holder, and since when it holds the run.
local refusal = fence(ARGV[1], tonumber(ARGV[2]))
if refusal then return refusal end
redis.call('UNLINK', KEYS[2], KEYS[3], KEYS[4])
return false
