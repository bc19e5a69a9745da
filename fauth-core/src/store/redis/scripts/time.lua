
-- ARGV[1] is the caller's current time in seconds.
local now = tonumber(ARGV[1])

-- Entries that ended before this may be removed. An instance whose clock is ahead must not remove
-- entries that others still need, so the clock of Redis has to agree.
local function past()
  return math.min(now, tonumber(redis.call('TIME')[1])) - 3600
end

-- Gives a key at least this time to live.
local function keep(key, milliseconds)
  if redis.call('PTTL', key) < tonumber(milliseconds) then redis.call('PEXPIRE', key, milliseconds) end
end

-- Returns at most `most` members of a sorted set that ended before `past`.
local function over(key, most)
  return redis.call('ZRANGEBYSCORE', key, '-inf', string.format('(%.0f', past()), 'LIMIT', 0, most)
end
