-- Keeps a snapshot of this log that is not older than the one there is, and drops old lines.
-- KEYS: head, log, snapshot
-- ARGV: generation, tick, snapshot, lines kept before it
if redis.call('HGET', KEYS[1], 'generation') ~= ARGV[1] then return 0 end
local tick = tonumber(ARGV[2])
if tonumber(redis.call('HGET', KEYS[3], 'tick') or '-1') > tick then return 0 end
redis.call('HSET', KEYS[3], 'tick', ARGV[2], 'text', ARGV[3])
redis.call('XTRIM', KEYS[2], 'MINID', string.format('%.0f-0', math.max(0, tick - tonumber(ARGV[4]))))
return 1
