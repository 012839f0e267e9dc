-- Adds entries to the journals of runs. Each entry is checked separately. Refused entries and duplicates change nothing.
-- What goes wrong with one run does not affect the others.
--
-- KEYS: for each call: the run, its journal, its slots, its crashes, its item states
-- ARGV: the channel for changes of status; then for each call: the number of its commits, the last entry that the caller
--   knows, the run's id, its incarnation or '' for any; and for each commit: text, statuses separated by commas, slot or
--   '', number, 1 if the entry must be next or 2 if the entry before it must have been added by this call; and two
--   changes of the run, the first applied if the entry is next, the second otherwise, each as '' or as: status,
--   1 if it has an output, the output, 1 if it has an error, the error
-- Returns for each call: an error; or false if the run is unknown or of another incarnation; or verdicts (the number of
--   the entry, 0 for a duplicate, -1 for refused), the status, the engine's time, the number of the last entry, and the
--   entries added by other programs since, or false if they are no longer stored. If the status has changed, also the
--   fields for the index: workflow, time of creation, time of the end, retention.
local channel = ARGV[1]
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))

local function isOver(name)
  return name == 'completed' or name == 'failed' or name == 'cancelled' or name == 'stalled'
end

-- Returns the position behind the change at a position.
local function behind(at)
  return ARGV[at] == '' and at + 1 or at + 5
end

-- Returns the position behind a number of commits at a position.
local function behindAll(at, count)
  for _ = 1, count do at = behind(behind(at + 5)) end
  return at
end

-- Carries out a call. `key` is the position of its run among the keys, `at` of the last entry that the caller knows, and
-- `stop` is the position behind its commits.
local function commit(key, at, stop)
  local run, log, slots = KEYS[key], KEYS[key + 1], KEYS[key + 2]
  local known, runId, incarnation = tonumber(ARGV[at]), ARGV[at + 1], ARGV[at + 2]
  local head = redis.call('HMGET', run, 'status', 'seq', 'base', 'incarnation')
  if not head[1] or (incarnation ~= '' and head[4] ~= incarnation) then return false end
  local status, seq, base = head[1], tonumber(head[2]), tonumber(head[3])
  -- A caller that is far behind must first read the entries in pages.
  if known < base or seq - known > 1000 then return { {}, status, now, seq, false } end

  local others = {}
  if seq > known then others = redis.call('LRANGE', log, known - base, -1) end
  local verdicts, added, numbers, before = {}, {}, {}, status
  local output, failure
  local isTold = false
  local wasAdded, wasNext = false, false

  at = at + 3
  while at < stop do
    local ifNext = at + 5
    local otherwise = behind(ifNext)
    local slot, number = ARGV[at + 2], tonumber(ARGV[at + 3])
    local last = slot ~= '' and tonumber(numbers[slot] or redis.call('HGET', slots, slot) or 0) or 0
    local allowed = string.find(',' .. ARGV[at + 1] .. ',', ',' .. status .. ',', 1, true)
    local isNext = seq == known
    if ARGV[at + 4] == '2' then isNext = wasNext end
    local fits = ARGV[at + 4] == '0' or (ARGV[at + 4] == '1' and isNext) or (ARGV[at + 4] == '2' and wasAdded)
    wasAdded, wasNext = false, false
    if slot ~= '' and last >= number then
      verdicts[#verdicts + 1] = 0
    elseif not allowed or not fits then
      verdicts[#verdicts + 1] = -1
    else
      wasAdded, wasNext = true, isNext
      if slot ~= '' then numbers[slot] = ARGV[at + 3] end
      seq = seq + 1
      verdicts[#verdicts + 1] = seq
      added[#added + 1] = now .. ' ' .. ARGV[at]
      local change = isNext and ARGV[ifNext] ~= '' and ifNext or otherwise
      if ARGV[change] ~= '' then
        status = ARGV[change]
        isTold = true
        output = ARGV[change + 1] == '1' and ARGV[change + 2] or nil
        failure = ARGV[change + 3] == '1' and ARGV[change + 4] or nil
      elseif status == 'scheduled' then
        status = 'running'
      end
    end
    at = behind(otherwise)
  end

  if #added > 0 then
    demand({ 'RPUSH', log, '' }, { 'HSET', run, '', '' }, { 'HDEL', run, '' }, { 'UNLINK', slots }, { 'PUBLISH', channel, '' })
    -- The entries come first, since this is what the server may still refuse: nothing is written then.
    redis.call('RPUSH', log, unpack(added))
    for slot, number in pairs(numbers) do redis.call('HSET', slots, slot, number) end
    redis.call('HSET', run, 'seq', seq, 'updatedAt', now, 'status', status)
  end
  if isTold or status ~= before then
    if output then redis.call('HSET', run, 'output', output) else redis.call('HDEL', run, 'output') end
    if failure then redis.call('HSET', run, 'error', failure) else redis.call('HDEL', run, 'error') end
    if isOver(before) and not isOver(status) then redis.call('HDEL', run, 'deadline') end
    if isOver(status) then redis.call('HSET', run, 'finishedAt', now) else redis.call('HDEL', run, 'finishedAt') end
    if isOver(status) then redis.call('UNLINK', KEYS[key + 4]) end
    if status == 'completed' then redis.call('UNLINK', slots, KEYS[key + 3]) end
    if status ~= before then redis.call('PUBLISH', channel, status .. ' ' .. runId) end
  end
  if status == before then return { verdicts, status, now, seq, others } end
  return { verdicts, status, now, seq, others, redis.call('HMGET', run, 'workflow', 'createdAt', 'finishedAt', 'retention') }
end

-- The error of a single call is the error of the script, which the client may act on.
if #KEYS == 5 then return { commit(1, 3, #ARGV + 1) } end
local replies = {}
local at = 2
for key = 1, #KEYS, 5 do
  local stop = behindAll(at + 4, tonumber(ARGV[at]))
  local isDone, reply = pcall(commit, key, at + 1, stop)
  if not isDone then reply = { err = type(reply) == 'table' and reply.err or tostring(reply) } end
  replies[#replies + 1] = reply
  at = stop
end
return replies
