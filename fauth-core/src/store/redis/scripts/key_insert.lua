-- ARGV: 3 id, 4 limit, 5 time to live, 6 owner, 7 name, 8 scopes, 9 created, 10 expires, 11 hash, then when it was used, if it was.
local id, owner = ARGV[3], ARGV[6]
if redis.call('EXISTS', api_key(id)) == 1 then return {'known'} end
if #all(owner) >= tonumber(ARGV[4]) then return {'full'} end
redis.call('HSET', api_key(id), 'owner', owner, 'name', ARGV[7], 'scopes', ARGV[8], 'created', ARGV[9], 'expires', ARGV[10], 'hash', ARGV[11])
if ARGV[12] then redis.call('HSET', api_key(id), 'used', ARGV[12]) end
redis.call('PEXPIRE', api_key(id), ARGV[5])
redis.call('ZADD', owner_key(owner), ARGV[9], id)
keep(owner_key(owner), ARGV[5])
return {'ok'}
