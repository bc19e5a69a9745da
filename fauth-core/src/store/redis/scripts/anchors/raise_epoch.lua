-- KEYS: 2 the epoch of the zone. ARGV: 1 the epoch, 2 time to live in milliseconds, 3 the channel,
-- 4 the zone. Numbers in Lua are exact only up to 2^53, so digits are compared. A value that is not
-- a number counts as 0, as it does for Caracal.
local held = redis.pcall('GET', KEYS[2])
if type(held) ~= 'string' or not held:match('^%d+$') then held = '0' end
held = held:gsub('^0+(%d)', '%1')
local epoch, left = ARGV[1], redis.call('PTTL', KEYS[2])
local lasts_longer = left ~= -1 and left < tonumber(ARGV[2])
if #epoch > #held or (#epoch == #held and epoch > held) then
  redis.call('SET', KEYS[2], epoch, 'KEEPTTL')
  if lasts_longer then redis.call('PEXPIRE', KEYS[2], ARGV[2]) end
  redis.pcall('PUBLISH', ARGV[3], ARGV[4])
  return {'ok', epoch}
end
-- A higher epoch replaces a lower one, so it must last at least as long.
if lasts_longer then redis.call('PEXPIRE', KEYS[2], ARGV[2]) end
return {'ok', held}
