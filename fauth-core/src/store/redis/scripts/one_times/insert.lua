
-- ARGV: 2 purpose, 3 hash, 4 limit, 5 time to live, 6 expires, 7 `refuse` if the new token gives
-- way when the limit is reached.
local purpose, hash, live = ARGV[2], ARGV[3], {}
for _, token in ipairs(all()) do
  if token.hash == hash then return {'known'} end
  if token.purpose == purpose and now < token.ends then live[#live + 1] = token.member end
end
if ARGV[7] == 'refuse' and #live >= tonumber(ARGV[4]) then return {'full'} end
-- The limit is at least 1, so the new token itself stays.
for i = 1, math.min(#live + 1 - tonumber(ARGV[4]), #live) do redis.call('ZREM', TOKENS, live[i]) end
redis.call('ZADD', TOKENS, ARGV[6], purpose .. ' ' .. hash)
keep(TOKENS, ARGV[5])
return {'ok'}
