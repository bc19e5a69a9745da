-- The one script that does not begin with the prelude. KEYS: 1 the generation. ARGV: 1 its id, 2 since when.
-- As in the prelude: not on a replica.
redis.call('PEXPIRE', KEYS[1] .. ':none', 1)
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], 'id', ARGV[1], 'since', ARGV[2], 'seq', 0)
end
return {'ok', redis.call('HGET', KEYS[1], 'since')}
