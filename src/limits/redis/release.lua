-- Releases a place. If no attempt has started in it, its cost leaves the window.
--
-- KEYS: as those of take.lua
-- ARGV: id, cost to give back
local places, starts, total, claim = KEYS[1], KEYS[2], KEYS[3], KEYS[5]
local id, refund = ARGV[1], tonumber(ARGV[2])
redis.call('ZREM', places, id)
if string.match(redis.call('GET', claim) or '', ':(.*)$') == id then redis.call('DEL', claim) end
if refund > 0 and redis.call('ZREM', starts, string.format('%.0f:%s', refund, id)) == 1 then
  local sum = redis.call('GET', total)
  -- The next request counts anew if the server has evicted the sum.
  if sum then redis.call('SET', total, string.format('%.0f', sum - refund), 'KEEPTTL') end
end
