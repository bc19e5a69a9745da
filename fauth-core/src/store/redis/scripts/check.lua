-- ARGV: 3 subject, then the targets.
local revoked = 0
if #ARGV > 3 then
  for _, ends in ipairs(redis.call('ZMSCORE', REVOKED, unpack(ARGV, 4))) do
    if ends and tonumber(ends) > now then revoked = 1 end
  end
end
local epoch = '0'
local ends = redis.call('ZSCORE', EPOCH_ENDS, ARGV[3])
if ends and tonumber(ends) > now then
  epoch = string.format('%.0f', tonumber(redis.call('ZSCORE', EPOCHS, ARGV[3]) or 0))
end
return {'ok', string.format('%.0f', since), revoked, epoch}
