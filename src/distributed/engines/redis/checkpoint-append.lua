-- Appends entries with consecutive numbers. Each entry is checked separately.
--
-- KEYS: the hold, the snapshot, the entries, the state
-- ARGV: token or '', lease in milliseconds, the number of the first entry, then the entries
-- Returns a list for each entry: empty if the entry is stored; otherwise a problem and the number of the last entry,
--   or a problem, the holder and since when it holds the run.
local refusal = fence(ARGV[1], tonumber(ARGV[2]))
if not refusal and redis.call('EXISTS', KEYS[2]) == 0 then refusal = { 'unknown' } end
local seq, last = numbersOf(KEYS[4], KEYS[3])
local answers = {}
for at = 4, #ARGV do
  local new = tonumber(ARGV[3]) + at - 4
  local answer = {}
  if refusal then
    answer = refusal
  elseif new == last + 1 then
    redis.call('RPUSH', KEYS[3], ARGV[at])
    last = new
  elseif new > last then
    answer = { 'gap', last }
  elseif new <= seq or redis.call('LINDEX', KEYS[3], new - seq - 1) ~= ARGV[at] then
    answer = { 'taken', last }
  end
  answers[#answers + 1] = answer
end
return answers
