-- Every script begins with this. KEYS[1] is the generation; ARGV[1] is what all keys begin with, ARGV[2] the caller's present in seconds.
-- Where the generation is missing, everything else is missing too: nothing is done, and the caller begins a new one.
-- Only a master that may write is asked: a replica may have missed what others have revoked, and refuses this write, which changes nothing.
redis.call('PEXPIRE', KEYS[1] .. ':none', 1)
local generation = redis.call('HMGET', KEYS[1], 'id', 'since')
if not generation[1] then return {'lost'} end
local since = tonumber(generation[2])
local prefix, now = ARGV[1], tonumber(ARGV[2])

-- What was over before this may be forgotten. A clock that is ahead must not forget for the others: Redis has to agree.
local function past()
  return math.min(now, tonumber(redis.call('TIME')[1])) - 3600
end

-- The key lives so long at least.
local function keep(key, milliseconds)
  if redis.call('PTTL', key) < tonumber(milliseconds) then redis.call('PEXPIRE', key, milliseconds) end
end
