-- ARGV: 3 owner.
return {'ok', all(ARGV[3])}
