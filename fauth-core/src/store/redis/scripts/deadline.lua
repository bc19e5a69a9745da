
-- The step is not taken after its caller has given up: it may have lain in a buffer while the
-- server stood still. The last of ARGV is the deadline in milliseconds, by the clock of this
-- server.
local time = redis.call('TIME')
local milliseconds = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
if milliseconds > tonumber(table.remove(ARGV)) then return {'late'} end
