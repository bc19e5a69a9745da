
-- ARGV: 2 id, 3 time to live, then the payload before and the new one, each a flag that says
-- whether there is one, and its text.
local s = read(ARGV[2])
if not s or now >= s.ends then return {'none'} end
local before = ARGV[4] == '1' and ARGV[5]
local after = ARGV[6] == '1' and ARGV[7]
local kept = redis.call('HGET', PAYLOADS, s.id)
if kept == after then return {'ok'} end
if kept ~= before then return {'differs'} end
if after then
  redis.call('HSET', PAYLOADS, s.id, after)
  keep(PAYLOADS, math.max(redis.call('PTTL', SESSIONS), tonumber(ARGV[3])))
else
  redis.call('HDEL', PAYLOADS, s.id)
end
return {'ok'}
