-- What nobody waits for any more is not done: it may have lain in a buffer while the server stood still. The last of ARGV is until when, in milliseconds of this server.
local time = redis.call('TIME')
if tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) > tonumber(table.remove(ARGV)) then return {'late'} end

