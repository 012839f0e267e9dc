-- Starts a run, unless it exists.
--
-- KEYS: the run, its snapshot, then keys that an earlier run with the same id may have left
-- ARGV: delay, timeout or '', the time of creation under which the run is listed already, snapshot, then fields and
--   values of the run
-- Returns 1 if the run existed, else 0; the engine's time; and the fields of the run.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local existed = redis.call('EXISTS', KEYS[1])
if existed == 0 then
  demand({ 'HSET', KEYS[1], '', '' }, { 'SET', KEYS[2], '' }, { 'UNLINK', KEYS[3] })
  local listed = tonumber(ARGV[3])
  -- A run that was listed a moment ago need not be listed again.
  local created = (listed <= now and listed > now - 1000) and listed or now
  local startAt = created + tonumber(ARGV[1])
  local text = string.format('%.0f', created)
  redis.call('HSET', KEYS[1], 'createdAt', text, 'updatedAt', text, 'startAt', string.format('%.0f', startAt), 'seq', 0,
    'base', 0, unpack(ARGV, 5))
  if ARGV[2] ~= '' then redis.call('HSET', KEYS[1], 'deadline', string.format('%.0f', startAt + tonumber(ARGV[2]))) end
  redis.call('SET', KEYS[2], ARGV[4])
  redis.call('UNLINK', unpack(KEYS, 3))
end
return { existed, string.format('%.0f', now), redis.call('HGETALL', KEYS[1]) }
