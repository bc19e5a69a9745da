-- ARGV: 3 id, 4 limit, 5 time to live, 6 subject, 7 created, 8 seen, 9 idle, 10 expires, 11 remembered, 12 head, then pairs of what is optional.
if now < since then return {'early'} end
local id, limit, subject = ARGV[3], tonumber(ARGV[4]), ARGV[6]
if redis.call('EXISTS', session_key(id)) == 1 then return {'known'} end
local live = {}
for _, s in ipairs(all(subject)) do
  if now < s.ends then live[#live + 1] = s end
end
local ended = {}
for i = 1, #live + 1 - limit do
  -- The limit is at least 1, and so the new one stays.
  if live[i] then
    bury(live[i])
    ended[#ended + 1] = live[i].id
  end
end
redis.call('HSET', session_key(id), 'subject', subject, 'created', ARGV[7], 'seen', ARGV[8], 'idle', ARGV[9], 'expires', ARGV[10],
  'remembered', ARGV[11], 'head', ARGV[12], unpack(ARGV, 13))
redis.call('PEXPIRE', session_key(id), ARGV[5])
redis.call('ZADD', index_key(subject), ARGV[8], id)
keep(index_key(subject), ARGV[5])
return {'ok', ended}
