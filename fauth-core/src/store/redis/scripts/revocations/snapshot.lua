
-- Returns one page. ARGV: 2 `targets` or `epochs`, 3 the cursor. The pages together contain
-- everything that was there from the first to the last page; the stream has the rest.
local rows = {}
if ARGV[2] == 'targets' then
  local page = redis.call('ZSCAN', REVOKED, ARGV[3], 'COUNT', 1000)
  for i = 1, #page[2], 2 do
    if not is_mark(page[2][i]) then rows[#rows + 1] = {page[2][i], whole(page[2][i + 1]), '0'} end
  end
  return {'ok', page[1], rows}
end
local page = redis.call('ZSCAN', EPOCH_ENDS, ARGV[3], 'COUNT', 1000)
for i = 1, #page[2], 2 do
  local epoch = not is_mark(page[2][i]) and redis.call('ZSCORE', EPOCHS, page[2][i])
  if epoch then rows[#rows + 1] = {page[2][i], whole(page[2][i + 1]), whole(epoch)} end
end
return {'ok', page[1], rows}
