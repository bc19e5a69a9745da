-- Adds a dead letter, then acknowledges the entry: if the first fails, so does the second. KEYS: 2
-- the stream, 3 its dead letters. ARGV: 1 the group, 2 the id of the entry, 3 the reason, 4 the
-- payload, 5 the approximate number of dead letters that are kept.
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[5], '*', 'source_id', ARGV[2], 'reason', ARGV[3], 'payload', ARGV[4])
redis.call('XACK', KEYS[2], ARGV[1], ARGV[2])
return {'ok'}
