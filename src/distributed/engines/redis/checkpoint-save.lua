-- Saves a snapshot, and drops the entries that it replaces.
--
-- KEYS: the hold, the snapshot, the entries, the state
-- ARGV: token or '', lease in milliseconds, the snapshot, its number
-- Returns false if the snapshot was saved; otherwise a problem and the number that the run has, or a problem, the
--   holder, and since when it holds the run.
local refusal = fence(ARGV[1], tonumber(ARGV[2]))
if refusal then return refusal end
local new = tonumber(ARGV[4])
demand({ 'LTRIM', KEYS[3], 0, -1 }, { 'DEL', KEYS[3] }, { 'SET', KEYS[2], '' }, { 'HSET', KEYS[4], '', '' })
if redis.call('EXISTS', KEYS[2]) == 1 then
  local seq, last = numbersOf(KEYS[4], KEYS[3])
  if new < seq then return { 'behind', seq } end
  if new > last then return { 'ahead', last } end
  redis.call('LTRIM', KEYS[3], new - seq, -1)
else
  redis.call('DEL', KEYS[3])
end
redis.call('SET', KEYS[2], ARGV[3])
redis.call('HSET', KEYS[4], 'seq', ARGV[4], 'saved', time[1] .. '.' .. time[2])
return false
