
-- KEYS: 2 the record.
local key = read(KEYS[2])
if key and now < tonumber(key[7]) then return {'ok', key} end
return {'none'}
