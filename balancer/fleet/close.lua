-- Appends the line that follows the last one, if its writer leads; returns 1 if it was appended.
-- KEYS: head, parts, log, leader
-- ARGV: generation, replica, fence, tick of the last line, tick, offset, line
local head = redis.call('HMGET', KEYS[1], 'generation', 'tick')
if head[1] ~= ARGV[1] or head[2] ~= ARGV[4] or tonumber(ARGV[5]) <= tonumber(ARGV[4]) then
  return 0
end
if redis.call('GET', KEYS[4]) ~= ARGV[3] .. ' ' .. ARGV[2] then return 0 end
redis.call('XADD', KEYS[3], string.format('%.0f-0', tonumber(ARGV[5]) + 1), 'line', ARGV[7])
redis.call('HSET', KEYS[1], 'tick', ARGV[5], 'offset', ARGV[6])
if ARGV[6] ~= '' then redis.call('XTRIM', KEYS[2], 'MINID', ARGV[6]) end
return 1
