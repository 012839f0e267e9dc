-- Removes all that is kept of a run, unless another has begun under its id.
--
-- KEYS: the run, then whatever else there may be of it
-- ARGV: the run's incarnation, or '' for whichever there is
-- Gives whether anything but another run was there.
local incarnation = redis.call('HGET', KEYS[1], 'incarnation') or ''
if ARGV[1] ~= '' and redis.call('EXISTS', KEYS[1]) == 1 and incarnation ~= ARGV[1] then return 0 end
redis.call('UNLINK', unpack(KEYS))
return 1
