
-- KEYS: 2 the record, 3 the keys of its owner, a sorted set of ids by their end. ARGV: 2 id, 3
-- limit, 4 time to live, 5 expires, then the fields of the record and their values.
local RECORD, INDEX = KEYS[2], KEYS[3]
if redis.call('EXISTS', RECORD) == 1 then return {'known'} end
local old = over(INDEX, 1000)
if #old > 0 then redis.call('ZREM', INDEX, unpack(old)) end
if redis.call('ZCOUNT', INDEX, '(' .. ARGV[1], '+inf') >= tonumber(ARGV[3]) then return {'full'} end
redis.call('HSET', RECORD, 'expires', ARGV[5], unpack(ARGV, 6))
redis.call('PEXPIRE', RECORD, ARGV[4])
redis.call('ZADD', INDEX, ARGV[5], ARGV[2])
keep(INDEX, ARGV[4])
return {'ok'}
