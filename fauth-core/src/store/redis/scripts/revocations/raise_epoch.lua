
-- ARGV: 2 the end, 3 the owner. The rule is `raised_epoch` in store/revocations.rs; a property test
-- compares this script with it.
local before = tonumber(redis.call('ZSCORE', EPOCHS, ARGV[3]) or -1)
local epoch = math.max(before + 1, now * 1000, 1)
-- Above this, numbers in Lua and in sorted sets are not exact.
if epoch >= 9007199254740992 then return {'overflow'} end
epoch = whole(epoch)
local changes = {}
raise(changes, ARGV[3], epoch, ARGV[2])
publish(changes)
sweep(64)
return {'ok', epoch}
