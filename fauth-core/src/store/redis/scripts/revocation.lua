-- What the scripts on revocations share. KEYS: 2 targets by their end, 3 epochs by subject, 4 ends of the epochs, 5 the stream.
local REVOKED, EPOCHS, EPOCH_ENDS, STREAM = KEYS[2], KEYS[3], KEYS[4], KEYS[5]

-- Tells the mirrors. The numbers have no gaps, so that a mirror sees when it has missed one.
local function publish(changes)
  for first = 1, #changes, 200 do
    local n = redis.call('HINCRBY', KEYS[1], 'seq', 1)
    redis.call('XADD', STREAM, 'MAXLEN', '~', 10000, '*', 'n', n, unpack(changes, first, math.min(first + 199, #changes)))
  end
  keep(STREAM, 3600000)
end

local function revoke(changes, target, ends, milliseconds)
  redis.call('ZADD', REVOKED, 'GT', ends, target)
  keep(REVOKED, milliseconds)
  changes[#changes + 1] = 'a'
  changes[#changes + 1] = ends .. ' ' .. target
end

local function raise(changes, subject, epoch, ends, milliseconds)
  redis.call('ZADD', EPOCHS, 'GT', epoch, subject)
  redis.call('ZADD', EPOCH_ENDS, 'GT', ends, subject)
  keep(EPOCHS, milliseconds)
  keep(EPOCH_ENDS, milliseconds)
  changes[#changes + 1] = 'e'
  changes[#changes + 1] = ends .. ' ' .. epoch .. ' ' .. subject
end

-- Some of what is long over, so that every write takes out more than it puts in.
local function sweep(room)
  local before = string.format('(%.0f', past())
  local old = redis.call('ZRANGEBYSCORE', REVOKED, '-inf', before, 'LIMIT', 0, room)
  if #old > 0 then redis.call('ZREM', REVOKED, unpack(old)) end
  old = redis.call('ZRANGEBYSCORE', EPOCH_ENDS, '-inf', before, 'LIMIT', 0, room)
  if #old > 0 then
    redis.call('ZREM', EPOCH_ENDS, unpack(old))
    redis.call('ZREM', EPOCHS, unpack(old))
  end
end
