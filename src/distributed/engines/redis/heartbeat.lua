-- Records a heartbeat of a worker with the server's time. Removes workers that have been silent for a day.
--
-- KEYS: reports, times
-- ARGV: the worker's id, its report
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local silent = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - 86400000)
for _, id in ipairs(silent) do
  redis.call('ZREM', KEYS[2], id)
  redis.call('HDEL', KEYS[1], id)
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], now, ARGV[1])
return string.format('%.0f', now)
