
-- The step is not executed after its caller has given up: it may have waited in a buffer while the
-- server was paused. The last of ARGV is the deadline in milliseconds, by the clock of this server.
local time = redis.call('TIME')
local milliseconds = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
if milliseconds > tonumber(table.remove(ARGV)) then return {'late'} end
