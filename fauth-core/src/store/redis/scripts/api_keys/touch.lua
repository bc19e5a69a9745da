
-- KEYS: 2 the record. ARGV: 1 the current time, when the key was used; then the three parts of the
-- owner.
local owner = redis.call('HMGET', KEYS[2], 'application', 'issuer', 'subject', 'used')
if owner[1] == ARGV[2] and owner[2] == ARGV[3] and owner[3] == ARGV[4] then
  if not owner[4] or tonumber(owner[4]) < now then redis.call('HSET', KEYS[2], 'used', ARGV[1]) end
end
return {'ok'}
