
-- What the scripts on revocations share.

-- Where some of the memory is lost, nothing is done, and the caller begins a new one.
local memory = remembered()
if not memory then return {'lost'} end
local since = tonumber(memory[2])

local function whole(number) return string.format('%.0f', tonumber(number)) end

-- Tells the mirrors. The numbers have no gaps, so that a mirror sees when it has missed one. The
-- stream may go: the numbers tell that too.
local function publish(changes)
  if #changes == 0 then return end
  local n
  for first = 1, #changes, 200 do
    n = redis.call('HINCRBY', MEMORY, 'seq', 1)
    local last = math.min(first + 199, #changes)
    redis.call('XADD', STREAM, 'MAXLEN', '~', 10000, '*', 'n', n, unpack(changes, first, last))
  end
  mark(memory[1], n)
  keep(STREAM, 3600000)
end

local function revoke(changes, target, ends)
  redis.call('ZADD', REVOKED, 'GT', ends, target)
  changes[#changes + 1] = 'target'
  changes[#changes + 1] = ends .. ' ' .. target
end

local function raise(changes, owner, epoch, ends)
  redis.call('ZADD', EPOCHS, 'GT', epoch, owner)
  redis.call('ZADD', EPOCH_ENDS, 'GT', ends, owner)
  changes[#changes + 1] = 'epoch'
  changes[#changes + 1] = ends .. ' ' .. epoch .. ' ' .. owner
end

-- Forgets what is long over, at most so many of each. The sets have no time to live, because an
-- evicting server takes such keys first: so every write takes out more than it puts in, and every
-- look at an epoch takes out some.
local function sweep(most)
  for left = most, 1, -1000 do
    local old = over(REVOKED, math.min(left, 1000))
    if #old > 0 then redis.call('ZREM', REVOKED, unpack(old)) end
    local owners = over(EPOCH_ENDS, math.min(left, 1000))
    if #owners > 0 then
      redis.call('ZREM', EPOCH_ENDS, unpack(owners))
      redis.call('ZREM', EPOCHS, unpack(owners))
    end
    if #old < 1000 and #owners < 1000 then return end
  end
end
