-- KEYS: 2… the anchors. ARGV: 1 time to live in milliseconds, 2 the channel, 3… the names of the
-- anchors. Revokes even without permission to publish.
for i = 2, #KEYS do
  local left = redis.call('PTTL', KEYS[i])
  if left ~= -1 and left < tonumber(ARGV[1]) then redis.call('SET', KEYS[i], '1', 'PX', ARGV[1]) end
  redis.pcall('PUBLISH', ARGV[2], ARGV[i + 1])
end
return {'ok'}
