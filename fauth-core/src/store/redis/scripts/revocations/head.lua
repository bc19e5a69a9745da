
-- Returns the end of the stream, before a snapshot is read.
local last = redis.call('XREVRANGE', STREAM, '+', '-', 'COUNT', 1)
local id = '0-0'
if last[1] then id = last[1][1] end
return {'ok', memory[1], whole(since), memory[3], id}
