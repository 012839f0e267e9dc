-- Counts a crash for an item, unless the crash was already counted.
--
-- KEYS: the run, its crashes
-- ARGV: the item, the crash
-- Returns the number of crashes of the item.
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSETNX', KEYS[2], ARGV[2], ARGV[1]) end
local sum = 0
for _, item in ipairs(redis.call('HVALS', KEYS[2])) do
  if item == ARGV[1] then sum = sum + 1 end
end
return sum
