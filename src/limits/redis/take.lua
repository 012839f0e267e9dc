-- Grants a place, by the server's clock. A place that the request already has is given back first, because the answer
-- to an earlier request was lost.
--
-- KEYS: places (ids, by the end of their lease), starts (cost:id, by time), the sum of the costs in starts, the pause,
--   the claim (since:id of the request that is served first)
-- ARGV: id, cost, concurrency and rate (each 0 for none), per, lease, how long the request has been waiting, the time
--   after which it claims the next place, the time for which a claim holds
-- Returns 0 if the place is granted, otherwise the milliseconds until there may be a place, or -1 if another attempt has
--   to end first.
local places, starts, total, pause, claim = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local id, cost, concurrency, rate = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local per, lease, waited = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local used = 0

local function costOf(start)
  return tonumber(string.match(start, '^%d+'))
end

-- Returns the milliseconds until attempts of the given cost have left the window.
local function untilFree(missing)
  local from = 0
  while true do
    local page = redis.call('ZRANGE', starts, from, from + 99, 'WITHSCORES')
    if #page == 0 then return 1 end
    for at = 1, #page, 2 do
      missing = missing - costOf(page[at])
      if missing <= 0 then return math.max(1, math.ceil(tonumber(page[at + 1]) + per - now)) end
    end
    from = from + 100
  end
end

-- Removes the attempts that have left the window, and returns the cost of the others.
local function expire()
  local past = string.format('%.3f', now - per)
  local sum = redis.call('GET', total)
  if sum then
    for _, start in ipairs(redis.call('ZRANGEBYSCORE', starts, '-inf', past)) do sum = sum - costOf(start) end
  end
  redis.call('ZREMRANGEBYSCORE', starts, '-inf', past)
  if sum and redis.call('EXISTS', starts) == 1 then return sum end
  -- The window is empty, or the server has evicted the sum.
  sum = 0
  for _, start in ipairs(redis.call('ZRANGE', starts, 0, -1)) do sum = sum + costOf(start) end
  return sum
end

local function delayOf()
  local closed = redis.call('PTTL', pause)
  if closed > 0 then return closed end
  if concurrency > 0 then
    redis.call('ZREM', places, id)
    redis.call('ZREMRANGEBYSCORE', places, '-inf', string.format('%.3f', now))
    if redis.call('ZCARD', places) >= concurrency then return -1 end
  end
  if rate > 0 then
    used = expire()
    if redis.call('ZREM', starts, string.format('%.0f:%s', cost, id)) == 1 then used = used - cost end
    redis.call('SET', total, string.format('%.0f', used), 'PX', math.ceil(per) + 1000)
    if used + cost > rate then return untilFree(used + cost - rate) end
  end
  return 0
end

local delay = delayOf()
local since, claimant = string.match(redis.call('GET', claim) or '', '^([%d.]+):(.*)$')
local isFirst = not claimant or claimant == id or now - waited < tonumber(since)
if delay == 0 and not isFirst then return -1 end
if delay ~= 0 then
  if waited < tonumber(ARGV[8]) or not isFirst then return delay end
  redis.call('SET', claim, string.format('%.3f:%s', now - waited, id), 'PX', ARGV[9])
  -- The next place stays free until the request asks again, so it asks soon: after a twentieth of its waiting time.
  return delay > 0 and delay or math.ceil(math.max(50, waited / 20))
end

if claimant == id then redis.call('DEL', claim) end
if rate > 0 then
  redis.call('ZADD', starts, string.format('%.3f', now), string.format('%.0f:%s', cost, id))
  redis.call('PEXPIRE', starts, math.ceil(per) + 1000)
  redis.call('SET', total, string.format('%.0f', used + cost), 'PX', math.ceil(per) + 1000)
end
if concurrency > 0 then
  redis.call('ZADD', places, string.format('%.3f', now + lease), id)
  if redis.call('PTTL', places) < lease * 2 then redis.call('PEXPIRE', places, lease * 2) end
end
return 0
