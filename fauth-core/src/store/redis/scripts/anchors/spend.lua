-- KEYS: 2 the id. ARGV: 1 time to live in milliseconds.
local is_first = redis.call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[1])
return {'ok', is_first and 1 or 0}
