-- ARGV: 3 subject, 4 the purpose, if one is named.
local count = 0
for _, token in ipairs(all(ARGV[3])) do
  if not ARGV[4] or ARGV[4] == token.purpose then
    drop(ARGV[3], token)
    if now < token.ends then count = count + 1 end
  end
end
return {'ok', count}
