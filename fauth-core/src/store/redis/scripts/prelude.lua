-- Every script that reads, ends or revokes begins with this. KEYS[1] is a key of the script's slot
-- that never exists. Only a master that may write is believed, because a replica may have missed
-- what others have done. A replica refuses this write, which changes nothing. After a write that
-- frees memory Redis does not ask any more whether there is some: what takes something back always
-- finds room.
redis.call('PEXPIRE', KEYS[1], 1)
