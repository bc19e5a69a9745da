-- ARGV: 3 id, 4 purpose.
local v = redis.call('HMGET', token_key(ARGV[3]), 'subject', 'purpose', 'expires')
if not v[1] or v[2] ~= ARGV[4] or now >= tonumber(v[3]) then return {'none'} end
drop(v[1], {id = ARGV[3], member = v[2] .. ' ' .. ARGV[3]})
return {'ok', v[1], v[3]}
