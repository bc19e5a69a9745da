
-- KEYS: 7 the owner's share, a sorted set of the owner's revocations by their end. ARGV: 2 the end,
-- 3 time to live of the share, 4 the owner's limit, if any; then pairs of a target and its name in
-- the share, which is empty for a target without an owner.
local SHARE, ends, limit = KEYS[7], tonumber(ARGV[2]), tonumber(ARGV[4])

local function is_live(end_or_none) return end_or_none and tonumber(end_or_none) > now end

-- Targets that are already revoked for as long are not written again, so repeating a logout adds
-- nothing.
local due, is_due, further = {}, {}, 0
for i = 5, #ARGV, 2 do
  local target, name = ARGV[i], ARGV[i + 1]
  local before = redis.call('ZSCORE', REVOKED, target)
  if not is_due[target] and (not before or tonumber(before) < ends) then
    due[#due + 1], is_due[target] = {target, name}, true
    -- The share may have been lost, and so may the revocation.
    if name ~= '' and not is_live(before) and not is_live(redis.call('ZSCORE', SHARE, name)) then
      further = further + 1
    end
  end
end
if limit and further > 0 and redis.call('ZCOUNT', SHARE, '(' .. ARGV[1], '+inf') + further > limit then
  return {'full'}
end

local changes = {}
for _, one in ipairs(due) do
  revoke(changes, one[1], ARGV[2])
  if one[2] ~= '' then redis.call('ZADD', SHARE, 'GT', ends, one[2]) end
end
if #due > 0 then
  keep(SHARE, ARGV[3])
  local old = over(SHARE, 1000)
  if #old > 0 then redis.call('ZREM', SHARE, unpack(old)) end
end
publish(changes)
sweep(#ARGV + 60)
return {'ok'}
