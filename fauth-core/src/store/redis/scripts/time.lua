
-- ARGV[1] is the caller's present in seconds.
local now = tonumber(ARGV[1])

-- What was over before this may be forgotten. An instance whose clock is ahead must not forget for
-- the others, so Redis has to agree.
local function past()
  return math.min(now, tonumber(redis.call('TIME')[1])) - 3600
end

-- Lets a key live for so many milliseconds at least.
local function keep(key, milliseconds)
  if redis.call('PTTL', key) < tonumber(milliseconds) then redis.call('PEXPIRE', key, milliseconds) end
end

-- What of a sorted set was over before `past`, at most `most` members.
local function over(key, most)
  return redis.call('ZRANGEBYSCORE', key, '-inf', string.format('(%.0f', past()), 'LIMIT', 0, most)
end
