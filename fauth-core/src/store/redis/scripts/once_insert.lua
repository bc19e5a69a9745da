-- ARGV: 3 id, 4 limit, 5 time to live, 6 subject, 7 purpose, 8 expires.
local id, subject, purpose = ARGV[3], ARGV[6], ARGV[7]
if redis.call('EXISTS', token_key(id)) == 1 then return {'known'} end
local live = {}
for _, token in ipairs(all(subject)) do
  if token.purpose == purpose and now < token.ends then live[#live + 1] = token end
end
for i = 1, #live + 1 - tonumber(ARGV[4]) do
  if live[i] then drop(subject, live[i]) end
end
redis.call('HSET', token_key(id), 'subject', subject, 'purpose', purpose, 'expires', ARGV[8])
redis.call('PEXPIRE', token_key(id), ARGV[5])
redis.call('ZADD', tokens_key(subject), ARGV[8], purpose .. ' ' .. id)
keep(tokens_key(subject), ARGV[5])
return {'ok'}
