
local list = {}
for i, s in ipairs(live()) do list[i] = {s.id, unpack(told(s))} end
return {'ok', list}
