
-- ARGV: 2 until when, 3 time to live, then the targets.
local changes = {}
for i = 4, #ARGV do revoke(changes, ARGV[i], ARGV[2], ARGV[3]) end
publish(changes)
sweep(math.min(#ARGV + 60, 4000))
return {'ok'}
