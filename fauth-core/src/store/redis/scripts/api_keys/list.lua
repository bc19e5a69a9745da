
-- The caller has to name the records that this script reads. So it passes the ids that it expects,
-- and tries again with the current ids if they differ. KEYS: 2 the keys of the owner, then the
-- records. ARGV: 2 ... the ids of the records.
local ids = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. ARGV[1], '+inf')
local as_expected = #ids == #ARGV - 1
for i, id in ipairs(ids) do as_expected = as_expected and ARGV[i + 1] == id end
if not as_expected then return {'changed', ids} end
local list = {}
for i = 1, #ids do
  local key = read(KEYS[i + 2])
  if key then list[#list + 1] = {ids[i], unpack(key, 1, 11)} end
end
return {'ok', list}
