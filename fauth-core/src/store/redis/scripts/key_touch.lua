-- ARGV: 3 id. The present is when it was used.
local key = read(ARGV[3])
if key and not (key[7] and tonumber(key[7]) >= now) then redis.call('HSET', api_key(ARGV[3]), 'used', ARGV[2]) end
return {'ok'}
