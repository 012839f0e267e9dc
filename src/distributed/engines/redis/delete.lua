-- Removes everything stored about a run, unless another run has started under its id.
--
-- KEYS: the run, then all other keys that may exist for it
-- ARGV: the run's incarnation, or '' for any
-- Returns 0 if another run was found, else 1.
local incarnation = redis.call('HGET', KEYS[1], 'incarnation') or ''
if ARGV[1] ~= '' and redis.call('EXISTS', KEYS[1]) == 1 and incarnation ~= ARGV[1] then return 0 end
redis.call('UNLINK', unpack(KEYS))
return 1
