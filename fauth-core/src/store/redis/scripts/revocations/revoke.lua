
-- ARGV: 2 until when, then the targets.
local changes = {}
for i = 3, #ARGV do revoke(changes, ARGV[i], ARGV[2]) end
publish(changes)
sweep(#ARGV + 60)
return {'ok'}
