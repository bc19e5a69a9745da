
-- Shared by the scripts on revocations.

-- If a part of the memory is lost, nothing is done, and the caller begins a new memory.
local memory = remembered()
if not memory then return {'lost'} end
local since = tonumber(memory[2])

local function whole(number) return string.format('%.0f', tonumber(number)) end

-- Publishes changes to the mirrors. The numbers have no gaps, so a mirror notices that it has
-- missed one. The stream may be lost: the numbers show that too.
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

-- Removes entries that ended long ago, at most `most` of each kind. The sets have no time to live,
-- because an evicting server prefers keys that have one. So every write removes more than it adds,
-- and every read of an epoch removes some.
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
