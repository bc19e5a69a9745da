
-- ARGV: 2 id. The rule is `Prolonging::of` in store/prolonging.rs. A property test compares this
-- script with it.
local s = read(ARGV[2])
if not s or now >= s.ends then return {'none'} end
if now - s.seen >= math.ceil(s.idle / 2) then
  s.seen, s.tokens_end = now, math.max(s.tokens_end, math.min(now + s.idle, s.expires))
  write(s)
end
return {'ok', told(s)}
