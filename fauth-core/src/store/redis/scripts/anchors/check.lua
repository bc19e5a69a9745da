-- KEYS: 2 the epoch of the zone, then the anchors. Whatever stands in the key of an anchor revokes
-- it, of whatever type: who deletes nothing has not taken it back.
local revoked = 0
if #KEYS > 2 then revoked = redis.call('EXISTS', unpack(KEYS, 3)) end
return {'ok', revoked, redis.call('GET', KEYS[2])}
