
-- ARGV: 2 id, 3 limit, 4 time to live, 5 created, 6 seen, 7 idle, 8 expires, 9 remembered, 10
-- head, 11 end of the tokens, then pairs of the optional fields and their values.
local id = ARGV[2]
if redis.call('HEXISTS', SESSIONS, id) == 1 or has_tombstone(id) then return {'known'} end

local others = live()
table.sort(others, function(a, b)
  if a.seen ~= b.seen then return a.seen < b.seen end
  if a.created ~= b.created then return a.created < b.created end
  return a.id < b.id
end)
local ended = {}
-- The limit is at least 1, so the new session itself stays.
for i = 1, math.min(#others + 1 - tonumber(ARGV[3]), #others) do
  finish(others[i])
  ended[i] = {others[i].id, others[i].tokens_end}
end

local s = {id = id, created = tonumber(ARGV[5]), seen = tonumber(ARGV[6]), idle = tonumber(ARGV[7]),
  expires = tonumber(ARGV[8]), remembered = tonumber(ARGV[9]), head = ARGV[10], tokens_end = tonumber(ARGV[11])}
for i = 12, #ARGV, 2 do s[ARGV[i]] = ARGV[i + 1] end
write(s)
keep(SESSIONS, ARGV[4])
if s.payload then
  redis.call('HSET', PAYLOADS, id, s.payload)
  keep(PAYLOADS, ARGV[4])
end

-- Removes more tombstones than one login adds.
local old = over(TOMBSTONES, 64)
if #old > 0 then redis.call('ZREM', TOMBSTONES, unpack(old)) end
return {'ok', ended}
