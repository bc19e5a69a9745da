
-- ARGV: 2 id, 3 presented, 4 successor, 5 nonce, 6 grace. The rule is that of
-- `RotationDecision::of` in store/rotation.rs. A property test holds this script against it.
local id, presented = ARGV[2], ARGV[3]
local s = read(id)
if not s then return {has_tombstone(id) and 'ended' or 'unknown'} end
if now >= s.ends then return {'expired'} end
if s.head == presented then
  s.head, s.predecessor, s.nonce, s.rotated = ARGV[4], presented, ARGV[5], now
  s.seen = math.max(s.seen, now)
  write(s)
  return {'rotated', told(s)}
end
if s.predecessor == presented and math.abs(now - s.rotated) < tonumber(ARGV[6]) then
  return {'grace', told(s), s.nonce, s.rotated}
end
finish(s)
return {'reused', told(s)}
