-- Removes consumers of a group that have nothing to do: this one, and those of fauth that have long
-- been gone. One with pending entries stays, or nobody would ever claim these.
-- KEYS: 2 the stream. ARGV: 1 the group, 2 the consumer or '', 3 after how many milliseconds one
-- is gone, 4 what the names of fauth's consumers begin with.
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
