
-- KEYS: 2 the generation. ARGV: 1 its id, 2 since when it remembers.
if redis.call('EXISTS', KEYS[2]) == 0 then
  redis.call('HSET', KEYS[2], 'id', ARGV[1], 'since', ARGV[2], 'seq', 0)
end
return {'ok', redis.call('HGET', KEYS[2], 'since')}
