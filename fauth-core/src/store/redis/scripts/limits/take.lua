
-- The rule is `LimitWindow::after`. KEYS: 2 the counter. ARGV: 1 the current time; then for each
-- window the cost of one request and the whole quota. All in ticks.
-- The counter is a text: for each window the time at which it has recovered, with a `!` in front if
-- the last request was refused.
-- Each instance uses its own clock. A refusal does not lower a time: otherwise two clocks that
-- differ would admit one client again and again. Only a time more than five minutes beyond its
-- window, as a wrong clock leaves it, is cut to the window.
local jump = 300 * 1048576
local now = tonumber(ARGV[1])
local counter = redis.call('GET', KEYS[2]) or ''
local times = {}
for time in string.gmatch(counter, '%d+') do times[#times + 1] = tonumber(time) end

local answer, fits = {'ok', '1'}, true
local windows = (#ARGV - 1) / 2
for window = 1, windows do
  local cost, full = tonumber(ARGV[2 * window]), tonumber(ARGV[2 * window + 1])
  local used = math.max((times[window] or 0) - now, 0)
  if used > full + jump then
    used = full
    times[window] = now + full
  end
  answer[window + 2] = string.format('%.0f', used)
  fits = fits and used + cost <= full
end

local record, most = fits and '' or '!', 0
for window = 1, windows do
  local used = tonumber(answer[window + 2])
  local time = times[window] or now
  if fits then
    used = used + tonumber(ARGV[2 * window])
    time = now + used
  end
  record = record .. string.format(' %.0f', time)
  most = math.max(most, used)
end
-- There are 2^20 ticks in a second. After this time to live the counter would have no effect.
redis.call('SET', KEYS[2], record, 'PX', string.format('%.0f', most / 1048.576 + 1000))

if not fits then
  answer[1] = 'refused'
  if string.sub(counter, 1, 1) == '!' then answer[2] = '0' end
end
return answer
