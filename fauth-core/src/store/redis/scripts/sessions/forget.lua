
-- Ends the live sessions, and deletes everything stored for this owner's sessions.
local ended = {}
for _, s in ipairs(live()) do ended[#ended + 1] = {s.id, s.tokens_end} end
redis.call('DEL', SESSIONS, TOMBSTONES, PAYLOADS)
return {'ok', ended}
