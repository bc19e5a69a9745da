
-- What the scripts on revocations share. KEYS: 2 the generation, 3 revoked targets by their end, 4
-- epochs by owner, 5 ends of the epochs, 6 the stream of changes.
local GENERATION, REVOKED, EPOCHS, EPOCH_ENDS, STREAM = KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]

-- Where the generation is missing, the revocations are missing too: nothing is done, and the
-- caller begins a new one.
local generation = redis.call('HMGET', GENERATION, 'id', 'since')
if not generation[1] then return {'lost'} end
local since = tonumber(generation[2])

local function whole(number) return string.format('%.0f', tonumber(number)) end

-- Tells the mirrors. The numbers have no gaps, so that a mirror sees when it has missed one.
local function publish(changes)
  for first = 1, #changes, 200 do
    local n = redis.call('HINCRBY', GENERATION, 'seq', 1)
    local last = math.min(first + 199, #changes)
    redis.call('XADD', STREAM, 'MAXLEN', '~', 10000, '*', 'n', n, unpack(changes, first, last))
  end
  keep(STREAM, 3600000)
end

local function revoke(changes, target, ends, milliseconds)
  redis.call('ZADD', REVOKED, 'GT', ends, target)
  keep(REVOKED, milliseconds)
  changes[#changes + 1] = 'target'
  changes[#changes + 1] = ends .. ' ' .. target
end

local function raise(changes, owner, epoch, ends, milliseconds)
  redis.call('ZADD', EPOCHS, 'GT', epoch, owner)
  redis.call('ZADD', EPOCH_ENDS, 'GT', ends, owner)
  keep(EPOCHS, milliseconds)
  keep(EPOCH_ENDS, milliseconds)
  changes[#changes + 1] = 'epoch'
  changes[#changes + 1] = ends .. ' ' .. epoch .. ' ' .. owner
end

-- Forgets some of what is long over, so that every write takes out more than it puts in.
local function sweep(most)
  local old = over(REVOKED, most)
  if #old > 0 then redis.call('ZREM', REVOKED, unpack(old)) end
  old = over(EPOCH_ENDS, most)
  if #old > 0 then
    redis.call('ZREM', EPOCH_ENDS, unpack(old))
    redis.call('ZREM', EPOCHS, unpack(old))
  end
end
