-- ARGV: 3 id, 4 presented, 5 successor, 6 nonce, 7 grace.
local presented = ARGV[4]
local s = read(ARGV[3])
if s == nil then return {'unknown'} end
if s.ended then return {'ended'} end
if now >= s.ends then return {'expired'} end
if s.head == presented then
  if now > tonumber(s.seen) then s.seen = ARGV[2] end
  redis.call('HSET', session_key(s.id), 'head', ARGV[5], 'previous', presented, 'nonce', ARGV[6], 'rotated', ARGV[2], 'seen', s.seen)
  redis.call('ZADD', index_key(s.subject), s.seen, s.id)
  return {'rotated', told(s)}
end
if s.previous == presented and math.abs(now - tonumber(s.rotated)) < tonumber(ARGV[7]) then
  return {'grace', told(s), s.nonce, s.rotated}
end
bury(s)
return {'reused', told(s)}
