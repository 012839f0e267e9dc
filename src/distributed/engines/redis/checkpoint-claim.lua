-- Takes a run. Taking it again with the same token is allowed.
--
-- KEYS: the hold
-- ARGV: token, holder, place, lease in milliseconds, the token of a dead holder or ''
-- Returns false if the run was taken; otherwise the current hold: token, holder, place, since.
local hold = redis.call('HMGET', KEYS[1], 'token', 'holder', 'place', 'since', 'until')
local isHeld = hold[1] and tonumber(hold[5]) > now
if hold[1] ~= ARGV[1] then
  if isHeld and hold[1] ~= ARGV[5] then return { hold[1], hold[2], hold[3], hold[4] } end
  redis.call('HSET', KEYS[1], 'token', ARGV[1], 'holder', ARGV[2], 'place', ARGV[3], 'since', string.format('%.0f', now))
end
keep(tonumber(ARGV[4]))
return false
