
-- ARGV: 2 purpose, 3 hash.
local member = ARGV[2] .. ' ' .. ARGV[3]
local ends = redis.call('ZSCORE', TOKENS, member)
if not ends or now >= tonumber(ends) then return {'none'} end
redis.call('ZREM', TOKENS, member)
return {'ok', string.format('%.0f', tonumber(ends))}
