-- What the scripts on one-time tokens share. A token is a hash; those of a subject stand in a sorted set, by their end, as purpose and id.
local function token_key(id) return prefix .. 'once:' .. id end
local function tokens_key(subject) return prefix .. 'tokens:' .. subject end

-- All of a subject that may still matter, the one that expires first first, each as purpose, id and end.
local function all(subject)
  local key, found, before = tokens_key(subject), {}, past()
  local members = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  for i = 1, #members, 2 do
    local purpose, id = string.match(members[i], '^(.-) (.*)$')
    local ends = tonumber(members[i + 1])
    if ends < before or redis.call('EXISTS', token_key(id)) == 0 then
      redis.call('ZREM', key, members[i])
    else
      found[#found + 1] = {purpose = purpose, id = id, ends = ends, member = members[i]}
    end
  end
  return found
end

local function drop(subject, token)
  redis.call('DEL', token_key(token.id))
  redis.call('ZREM', tokens_key(subject), token.member)
end
