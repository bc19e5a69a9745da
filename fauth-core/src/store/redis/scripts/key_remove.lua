-- ARGV: 3 id, 4 the owner, if one is named.
local key = read(ARGV[3])
if key == nil or (ARGV[4] and ARGV[4] ~= key[2]) then return {'none'} end
redis.call('DEL', api_key(ARGV[3]))
redis.call('ZREM', owner_key(key[2]), ARGV[3])
return {'ok'}
