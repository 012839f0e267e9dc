-- Stores the blueprint of a workflow, and the order in which workflows were first stored.
--
-- KEYS: blueprints, order
-- ARGV: id and version as one text, the blueprint
if redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) == 1 then redis.call('RPUSH', KEYS[2], ARGV[1]) end
return 1
