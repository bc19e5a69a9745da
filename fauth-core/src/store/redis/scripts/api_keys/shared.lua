
-- What is returned for an API key whose id is known; `nil` if there is no key.
local function read(record)
  local values = redis.call('HMGET', record, 'application', 'issuer', 'subject', 'name', 'scopes', 'created', 'expires',
    'used', 'user_epoch', 'hash', 'hash_key')
  return values[1] and values
end
