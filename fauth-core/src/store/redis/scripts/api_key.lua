-- What the scripts on API keys share. A key is a hash; those of an owner stand in a sorted set, by when they were made.
local function api_key(id) return prefix .. 'key:' .. id end
local function owner_key(owner) return prefix .. 'keys:' .. owner end

local function read(id)
  local v = redis.call('HMGET', api_key(id), 'owner', 'name', 'scopes', 'created', 'expires', 'used', 'hash')
  if not v[1] then return nil end
  return {id, v[1], v[2], v[3], v[4], v[5], v[6], v[7]}
end

local function live(key) return key ~= nil and now < tonumber(key[6]) end

-- The live ones of an owner. What is long over leaves the index.
local function all(owner)
  local found, before = {}, past()
  for _, id in ipairs(redis.call('ZRANGE', owner_key(owner), 0, -1)) do
    local key = read(id)
    if key == nil or tonumber(key[6]) < before then
      redis.call('ZREM', owner_key(owner), id)
    elseif live(key) then
      found[#found + 1] = key
    end
  end
  return found
end
