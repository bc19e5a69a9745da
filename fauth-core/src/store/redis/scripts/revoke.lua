-- ARGV: 3 until when, 4 time to live, then the targets.
local changes = {}
for i = 5, #ARGV do revoke(changes, ARGV[i], ARGV[3], ARGV[4]) end
publish(changes)
sweep(math.min(#ARGV + 60, 4000))
return {'ok'}
