-- ARGV: 3 id.
local key = read(ARGV[3])
if live(key) then return {'ok', key} end
return {'none'}
