
-- KEYS: 2 the record. ARGV: 1 the record before, empty if there is none; 2 the new one; 3 time to
-- live.
local before = redis.call('GET', KEYS[2]) or ''
if before ~= ARGV[1] then return {'changed'} end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return {'ok'}
