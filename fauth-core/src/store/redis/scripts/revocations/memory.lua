
-- The keys of the revocations, and whether all of them are still there. KEYS: 2 the revocation
-- memory (its id, when it began, the number of its last change), 3 revoked targets by their end, 4
-- epochs by owner, 5 ends of the epochs, 6 the stream of changes.
local MEMORY, REVOKED, EPOCHS, EPOCH_ENDS, STREAM = KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local SETS = {REVOKED, EPOCHS, EPOCH_ENDS}

-- Each sorted set has a marker: a member that names the memory. Its score is 2^52 plus the number
-- of the last change, which no sweep reaches. So a set that was evicted, deleted, or restored from
-- another moment than the others does not match the memory.
local function mark(id, number)
  for _, set in ipairs(SETS) do
    redis.call('ZADD', set, string.format('%.0f', 4503599627370496 + number), 'memory:' .. id)
  end
end

local function is_mark(member) return string.sub(member, 1, 7) == 'memory:' end

-- Returns the id of the memory and when it began; `nil` if a part of it is lost.
local function remembered()
  local memory = redis.call('HMGET', MEMORY, 'id', 'since', 'seq')
  if not (memory[1] and memory[2] and memory[3]) then return nil end
  for _, set in ipairs(SETS) do
    local score = redis.call('ZSCORE', set, 'memory:' .. memory[1])
    if not score or tonumber(score) ~= 4503599627370496 + tonumber(memory[3]) then return nil end
  end
  return memory
end
