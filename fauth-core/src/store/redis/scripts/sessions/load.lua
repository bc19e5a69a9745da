
-- ARGV: 2 id. Returns only a live session, with its payload.
local s = read(ARGV[2])
if not s or now >= s.ends then return {'none'} end
return {'ok', told(s), redis.call('HGET', PAYLOADS, s.id)}
