-- One page. ARGV: 3 what of, 4 cursor. The pages together hold all that was there from the first to the last; the stream has the rest.
local whole = {}
if ARGV[3] == 'targets' then
  local page = redis.call('ZSCAN', REVOKED, ARGV[4], 'COUNT', 1000)
  for i = 1, #page[2], 2 do
    whole[#whole + 1] = {page[2][i], string.format('%.0f', tonumber(page[2][i + 1])), '0'}
  end
  return {'ok', page[1], whole}
end
local page = redis.call('ZSCAN', EPOCH_ENDS, ARGV[4], 'COUNT', 1000)
for i = 1, #page[2], 2 do
  local epoch = redis.call('ZSCORE', EPOCHS, page[2][i])
  if epoch then
    whole[#whole + 1] = {page[2][i], string.format('%.0f', tonumber(page[2][i + 1])), string.format('%.0f', tonumber(epoch))}
  end
end
return {'ok', page[1], whole}
