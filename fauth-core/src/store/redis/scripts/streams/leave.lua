-- Removes idle consumers of a group: this one, and those of fauth that disappeared long ago. A
-- consumer with pending entries stays, because otherwise its entries could not be claimed. KEYS: 2
-- the stream. ARGV: 1 the group, 2 the consumer or '', 3 after how many milliseconds a consumer
-- counts as gone, 4 the prefix of the names of fauth's consumers.
local removed = 0
for _, row in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[2], ARGV[1])) do
  local consumer = {}
  for i = 1, #row, 2 do consumer[row[i]] = row[i + 1] end
  local is_gone = consumer.idle >= tonumber(ARGV[3]) and consumer.name:sub(1, #ARGV[4]) == ARGV[4]
  if consumer.pending == 0 and (consumer.name == ARGV[2] or is_gone) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[2], ARGV[1], consumer.name)
    removed = removed + 1
  end
end
return {'ok', removed}
