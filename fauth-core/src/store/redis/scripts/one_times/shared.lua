
-- Shared by the scripts on the one-time tokens of one owner. KEYS: 2 a sorted set of purpose and
-- hash, by their end.
local TOKENS = KEYS[2]

-- Returns all tokens that may still be valid by some clock, in the order in which they expire.
local function all()
  local old = over(TOKENS, 1000)
  if #old > 0 then redis.call('ZREM', TOKENS, unpack(old)) end
  local found, members = {}, redis.call('ZRANGE', TOKENS, 0, -1, 'WITHSCORES')
  for i = 1, #members, 2 do
    local purpose, hash = string.match(members[i], '^(.-) (.*)$')
    found[#found + 1] = {member = members[i], purpose = purpose, hash = hash, ends = tonumber(members[i + 1])}
  end
  return found
end
