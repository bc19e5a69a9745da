-- ARGV: 3 subject.
local live = {}
local found = all(ARGV[3])
for i = #found, 1, -1 do
  if now < found[i].ends then live[#live + 1] = told(found[i]) end
end
return {'ok', live}
