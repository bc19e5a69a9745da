
-- ARGV: 2 the purpose, if any.
local count = 0
for _, token in ipairs(all()) do
  if not ARGV[2] or ARGV[2] == token.purpose then
    redis.call('ZREM', TOKENS, token.member)
    if now < token.ends then count = count + 1 end
  end
end
return {'ok', count}
