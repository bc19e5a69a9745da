-- What the scripts on sessions share. A session is a hash; those of a subject stand in a sorted set, by when they were last seen.
local function session_key(id) return prefix .. 'session:' .. id end
local function index_key(subject) return prefix .. 'sessions:' .. subject end

local function read(id)
  local v = redis.call('HMGET', session_key(id), 'ended', 'subject', 'created', 'seen', 'idle', 'expires', 'remembered',
    'client', 'address', 'head', 'previous', 'nonce', 'rotated')
  if v[1] then return {ended = true} end
  if not v[2] then return nil end
  return {id = id, subject = v[2], created = v[3], seen = v[4], idle = v[5], expires = v[6], remembered = v[7],
    client = v[8], address = v[9], head = v[10], previous = v[11], nonce = v[12], rotated = v[13],
    ends = math.min(tonumber(v[4]) + tonumber(v[5]), tonumber(v[6]))}
end

local function told(s)
  return {s.id, s.subject, s.created, s.seen, s.idle, s.expires, s.remembered, s.client, s.address}
end

-- Leaves a tombstone for as long as the session would have been kept.
local function bury(s)
  local key = session_key(s.id)
  local left = math.max(redis.call('PTTL', key), 3600000)
  redis.call('DEL', key)
  redis.call('HSET', key, 'ended', 1)
  redis.call('PEXPIRE', key, left)
  redis.call('ZREM', index_key(s.subject), s.id)
end

-- All of a subject that may still matter, the one that was seen longest ago first. What is long over leaves the index.
local function all(subject)
  local found, before = {}, past()
  for _, id in ipairs(redis.call('ZRANGE', index_key(subject), 0, -1)) do
    local s = read(id)
    if s == nil or s.ended or s.ends < before then
      redis.call('ZREM', index_key(subject), id)
    else
      found[#found + 1] = s
    end
  end
  return found
end
