-- ARGV: 3 subject, 4 the id to keep, if there is one.
local ended = {}
for _, s in ipairs(all(ARGV[3])) do
  if s.id ~= ARGV[4] then
    bury(s)
    if now < s.ends then ended[#ended + 1] = s.id end
  end
end
return {'ok', ended}
