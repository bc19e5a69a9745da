-- Every script that stores something new begins with this. As in `prelude`, the write has no effect
-- and only a master accepts it. In addition, Redis refuses this one when it is out of memory, and
-- the script then does nothing.
redis.call('LPUSHX', KEYS[1], 1)
