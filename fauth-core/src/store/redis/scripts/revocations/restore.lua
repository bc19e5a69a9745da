
-- What a mirror knows and Redis has lost. ARGV: from 2 on, groups of kind, time to live, end,
-- epoch and name.
local changes = {}
for i = 2, #ARGV, 5 do
  if ARGV[i] == 'target' then
    revoke(changes, ARGV[i + 4], ARGV[i + 2], ARGV[i + 1])
  else
    raise(changes, ARGV[i + 4], ARGV[i + 3], ARGV[i + 2], ARGV[i + 1])
  end
end
publish(changes)
return {'ok'}
