-- ARGV: 3 subject. An epoch that is over counts until it is forgotten: a token with a higher epoch is never refused for it.
return {'ok', string.format('%.0f', tonumber(redis.call('ZSCORE', EPOCHS, ARGV[3]) or 0))}
