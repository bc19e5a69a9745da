
-- KEYS: 2 the record, 3 the keys of the owner. ARGV: 1 id, then the three parts of the owner. The
-- record decides, not the index: a key missing from every index must not outlive its removal.
local owner = redis.call('HMGET', KEYS[2], 'application', 'issuer', 'subject')
local is_owners = owner[1] == ARGV[2] and owner[2] == ARGV[3] and owner[3] == ARGV[4]
if is_owners then redis.call('DEL', KEYS[2]) end
if redis.call('ZREM', KEYS[3], ARGV[1]) == 0 and not is_owners then return {'none'} end
return {'ok'}
