-- Every script that keeps something new begins with this. As in `prelude`, the write changes nothing
-- and only a master takes it; but Redis refuses this one also when it has no memory left, and then
-- the script does nothing.
redis.call('LPUSHX', KEYS[1], 1)
