
-- ARGV: 2 the id to keep, if any. Expired sessions are handled as in `end`.
local ended = {}
for _, s in ipairs(all()) do
  if s.id ~= ARGV[2] then
    finish(s)
    if now < s.ends then ended[#ended + 1] = {s.id, s.tokens_end} end
  end
end
return {'ok', ended}
