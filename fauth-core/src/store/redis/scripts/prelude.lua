-- Every script that reads, ends or revokes begins with this. KEYS[1] is a key in the script's slot
-- that never exists. The write has no effect, but only a master with write permission accepts it: a
-- replica may have missed what others have done. After a write that frees memory, Redis does not
-- check again whether it is out of memory, so revocations always succeed.
redis.call('PEXPIRE', KEYS[1], 1)
