-- ARGV: 3 id, 4 the owner, if one is named. What has ended by itself is buried too, for the sake of clocks that are behind, but not told.
local s = read(ARGV[3])
if s == nil or s.ended or (ARGV[4] and ARGV[4] ~= s.subject) then return {'none'} end
bury(s)
if now >= s.ends then return {'none'} end
return {'ok', told(s)}
