-- Prepended to scripts that write saved flow runs. Checks the hold on a run. KEYS[1] is the hold.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- Milliseconds for which an expired hold is remembered. It stays valid until another program takes the run.
local remembered = 86400000

local function keep(lease)
  redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + lease))
  redis.call('PEXPIRE', KEYS[1], lease + remembered)
end

-- Returns nil if the owner of a token (or '') may write, otherwise { problem, holder, since }.
local function fence(token, lease)
  local hold = redis.call('HMGET', KEYS[1], 'token', 'holder', 'since', 'until')
  local isHeld = hold[1] and tonumber(hold[4]) > now
  if hold[1] == token then
    if not isHeld then keep(lease) end
    return nil
  end
  if isHeld then return { 'locked', hold[2], hold[3] } end
  if token ~= '' then return { 'locked' } end
  -- A write without a hold ends an expired hold, so that its former holder cannot write afterwards.
  redis.call('DEL', KEYS[1])
  return nil
end

-- Returns the numbers of a run's snapshot and of its last entry. Snapshots of versions up to 0.6 have no number: 0.
local function numbersOf(state, entries)
  local seq = tonumber(redis.call('HGET', state, 'seq') or 0)
  return seq, seq + redis.call('LLEN', entries)
end
