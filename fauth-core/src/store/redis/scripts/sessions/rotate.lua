
-- ARGV: 2 id, 3 presented, 4 successor, 5 nonce, 6 grace, 7 lifetime of the access token, 8
-- fingerprint, 9 whether the window is bound to it. The rule is `RotationDecision::of` in
-- store/rotation.rs. A property test compares this script with it.
local id, presented = ARGV[2], ARGV[3]
-- The ends of the last access token issued now, and of the last one in the grace window that begins
-- now.
local token_ends = now + tonumber(ARGV[7])
local tokens_end = token_ends + tonumber(ARGV[6])
local s = read(id)
if not s then
  if has_tombstone(id) then return {'ended', tokens_end_of(id)} end
  return {'unknown'}
end
if now >= s.ends then return {'expired'} end
if s.head == presented then
  s.head, s.predecessor, s.nonce, s.rotated = ARGV[4], presented, ARGV[5], now
  s.seen = math.max(s.seen, now)
  s.tokens_end, s.fingerprint = math.max(s.tokens_end, tokens_end), ARGV[8]
  write(s)
  return {'rotated', told(s)}
end
if s.predecessor == presented and math.abs(now - s.rotated) < tonumber(ARGV[6]) then
  local other = (s.fingerprint or '') ~= ARGV[8]
  if not (other and ARGV[9] == '1') then
    if token_ends > s.tokens_end then
      s.tokens_end = tokens_end
      write(s)
    end
    return {'grace', told(s), s.nonce, s.rotated, other and 1 or 0}
  end
end
finish(s)
return {'reused', told(s)}
