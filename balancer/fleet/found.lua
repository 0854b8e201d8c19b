-- Begins a log from a snapshot, unless there is another than the one that is to be replaced.
-- KEYS: head, parts, log, leader, snapshot
-- ARGV: generation that is there, generation, form, tick, snapshot
local head = redis.call('HMGET', KEYS[1], 'generation', 'tick')
if (head[1] or '') ~= ARGV[1] then return 0 end
if head[1] and tonumber(head[2]) >= tonumber(ARGV[4]) then return 0 end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4])
redis.call('HSET', KEYS[1], 'generation', ARGV[2], 'form', ARGV[3], 'tick', ARGV[4], 'offset', '')
redis.call('HSET', KEYS[5], 'tick', ARGV[4], 'text', ARGV[5])
return 1
