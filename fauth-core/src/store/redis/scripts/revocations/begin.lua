
-- Begins a new memory if there is none or a part of it is lost. What is left of the last one stays.
-- ARGV: 1 the id of the new memory, 2 when it begins.
if not remembered() then
  for _, set in ipairs(SETS) do
    for _, member in ipairs(redis.call('ZRANGEBYSCORE', set, '4503599627370496', '+inf')) do
      if is_mark(member) then redis.call('ZREM', set, member) end
    end
  end
  redis.call('HSET', MEMORY, 'id', ARGV[1], 'since', ARGV[2], 'seq', 0)
  mark(ARGV[1], 0)
end
return {'ok', redis.call('HGET', MEMORY, 'since')}
