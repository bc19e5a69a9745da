-- Every script begins with this. KEYS[1] is a key of the script's slot that never exists. Only a
-- master that may write is believed, because a replica may have missed what others have done. A
-- replica refuses this write, which changes nothing.
redis.call('PEXPIRE', KEYS[1], 1)
