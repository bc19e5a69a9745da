
-- Restores entries that a mirror knows and Redis has lost. ARGV: from 2 on, groups of kind, end,
-- epoch and name.
local changes = {}
for i = 2, #ARGV, 4 do
  if ARGV[i] == 'target' then
    revoke(changes, ARGV[i + 3], ARGV[i + 1])
  else
    raise(changes, ARGV[i + 3], ARGV[i + 2], ARGV[i + 1])
  end
end
publish(changes)
sweep(#ARGV + 60)
return {'ok'}
