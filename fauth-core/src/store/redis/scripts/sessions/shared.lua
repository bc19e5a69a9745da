
-- Shared by the scripts on the sessions of one owner. KEYS: 2 a hash with a record for each session
-- id; 3 a sorted set with a tombstone for each ended session, by the end that the session would
-- have had, and for each tombstone a second member, by the end of the session's last access token;
-- 4 a hash with the payload of each session that has one. Members are removed an hour after their
-- time has passed.
local SESSIONS, TOMBSTONES, PAYLOADS = KEYS[2], KEYS[3], KEYS[4]

-- A record is a packed list of these fields, in this order. `false` means unknown.
local FIELDS = {'created', 'seen', 'idle', 'expires', 'remembered', 'client', 'address', 'head', 'predecessor', 'nonce',
  'rotated', 'tokens_end', 'fingerprint'}

local function unpacked(id, record)
  local values, s = cmsgpack.unpack(record), {id = id}
  for i, field in ipairs(FIELDS) do s[field] = values[i] end
  s.ends = math.min(s.seen + s.idle, s.expires)
  return s
end

local function read(id)
  local record = redis.call('HGET', SESSIONS, id)
  return record and unpacked(id, record)
end

local function write(s)
  local values = {}
  for i, field in ipairs(FIELDS) do values[i] = s[field] or false end
  redis.call('HSET', SESSIONS, s.id, cmsgpack.pack(values))
end

-- What a caller is told about a session whose id it knows.
local function told(s)
  return {s.created, s.seen, s.idle, s.expires, s.remembered, s.client, s.address, s.tokens_end}
end

local function has_tombstone(id)
  return redis.call('ZSCORE', TOMBSTONES, id) ~= false
end

-- No session id begins with this.
local function tokens_of(id)
  return '=' .. id
end

-- Returns when the last access token of an ended session expires; 0 if that is long past.
local function tokens_end_of(id)
  return redis.call('ZSCORE', TOMBSTONES, tokens_of(id)) or 0
end

-- Replaces a session with a tombstone, which lives for as long as the session could have lived.
local function finish(s)
  local left = math.max(redis.call('PTTL', SESSIONS), 3600000)
  redis.call('HDEL', SESSIONS, s.id)
  redis.call('HDEL', PAYLOADS, s.id)
  redis.call('ZADD', TOMBSTONES, string.format('%.0f', s.expires), s.id,
    string.format('%.0f', s.tokens_end), tokens_of(s.id))
  keep(TOMBSTONES, left)
end

-- Returns all sessions that may still be live by some clock, and removes those that ended long ago.
local function all()
  local found, before, pairs_of = {}, past(), redis.call('HGETALL', SESSIONS)
  for i = 1, #pairs_of, 2 do
    local s = unpacked(pairs_of[i], pairs_of[i + 1])
    if s.ends < before then
      redis.call('HDEL', SESSIONS, s.id)
      redis.call('HDEL', PAYLOADS, s.id)
    else
      found[#found + 1] = s
    end
  end
  return found
end

local function live()
  local found = {}
  for _, s in ipairs(all()) do
    if now < s.ends then found[#found + 1] = s end
  end
  return found
end
