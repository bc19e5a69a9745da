
-- KEYS: 2 the record.
return {'ok', redis.call('DEL', KEYS[2])}
