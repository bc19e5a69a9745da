
-- KEYS: 2 the record.
return {'ok', redis.call('GET', KEYS[2])}
