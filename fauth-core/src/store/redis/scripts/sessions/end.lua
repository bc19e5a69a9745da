
-- ARGV: 2 id. An expired session gets a tombstone too, because other clocks may be behind, but it
-- is not returned.
local s = read(ARGV[2])
if not s then return {'none'} end
finish(s)
if now >= s.ends then return {'none'} end
return {'ok', told(s)}
