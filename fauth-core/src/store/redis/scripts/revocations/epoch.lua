
-- ARGV: 2 the owner.
sweep(16)
-- A token issued before the memory begins would not be trusted: its issuer has to wait.
if now < since then return {'early'} end
-- An epoch that has ended counts until it is removed: a token with a higher epoch is never refused
-- for it.
return {'ok', whole(redis.call('ZSCORE', EPOCHS, ARGV[2]) or 0)}
