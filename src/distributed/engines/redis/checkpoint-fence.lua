-- Stands before scripts that write runs in process: checks the hold on a run. KEYS[1] is the hold.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- For how long after its end a hold is known, in milliseconds: until then nobody else has taken the run.
local remembered = 86400000

local function keep(lease)
  redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + lease))
  redis.call('PEXPIRE', KEYS[1], lease + remembered)
end

-- Gives nothing if whoever has a token (or '') may write, else { problem, holder, since }.
local function fence(token, lease)
  local hold = redis.call('HMGET', KEYS[1], 'token', 'holder', 'since', 'until')
  local isHeld = hold[1] and tonumber(hold[4]) > now
  if hold[1] == token then
    if not isHeld then keep(lease) end
    return nil
  end
  if isHeld then return { 'locked', hold[2], hold[3] } end
  if token ~= '' then return { 'locked' } end
  -- Whoever has lost the hold is not to write behind a write without one.
  redis.call('DEL', KEYS[1])
  return nil
end

-- The number of a run's snapshot, and that of its last entry. Those of version 0.6 and before have no number: it is 0.
local function numbersOf(state, entries)
  local seq = tonumber(redis.call('HGET', state, 'seq') or 0)
  return seq, seq + redis.call('LLEN', entries)
end
