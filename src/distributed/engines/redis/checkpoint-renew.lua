-- Renews the hold on a run.
--
-- KEYS: the hold
-- ARGV: token, lease in milliseconds
-- Returns 1 if the hold still exists, else 0.
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
keep(tonumber(ARGV[2]))
return 1
