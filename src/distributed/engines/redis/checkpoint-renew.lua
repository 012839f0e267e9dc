-- Goes on holding a run.
--
-- KEYS: the hold
-- ARGV: token, lease in milliseconds
-- Gives whether it is held still.
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
keep(tonumber(ARGV[2]))
return 1
