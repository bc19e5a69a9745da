
-- Returns what is known of a token; the caller decides. ARGV: 2 the owner, then the targets.
local revoked = 0
if #ARGV > 2 then
  for _, ends in ipairs(redis.call('ZMSCORE', REVOKED, unpack(ARGV, 3))) do
    if ends and tonumber(ends) > now then revoked = 1 end
  end
end
local epoch = '0'
local ends = redis.call('ZSCORE', EPOCH_ENDS, ARGV[2])
if ends and tonumber(ends) > now then epoch = whole(redis.call('ZSCORE', EPOCHS, ARGV[2]) or 0) end
return {'ok', revoked, epoch, whole(since)}
