-- KEYS: 2 the epoch of the zone, then the anchors. Any value of any type in the key of an anchor
-- revokes it: only deleting the key takes a revocation back.
local revoked = 0
if #KEYS > 2 then revoked = redis.call('EXISTS', unpack(KEYS, 3)) end
return {'ok', revoked, redis.call('GET', KEYS[2])}
