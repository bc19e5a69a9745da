-- ARGV: 3 until when, 4 time to live, 5 subject, 6 the least that the new epoch may be.
local epoch = math.max(tonumber(redis.call('ZSCORE', EPOCHS, ARGV[5]) or 0) + 1, tonumber(ARGV[6]))
if epoch >= 9007199254740992 then return {'overflow'} end
epoch = string.format('%.0f', epoch)
local changes = {}
raise(changes, ARGV[5], epoch, ARGV[3], ARGV[4])
publish(changes)
sweep(64)
return {'ok', epoch}
