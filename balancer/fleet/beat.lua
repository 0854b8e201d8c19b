-- Appends a replica's part once, and gives or prolongs the leader's lease.
-- KEYS: head, parts, leader, fence, seen of the replica
-- ARGV: replica, form, number, part, milliseconds to lead (0: does not want to)
local head = redis.call('HMGET', KEYS[1], 'generation', 'form', 'tick', 'offset')
local generation = head[1] or ''
if generation == '' or head[2] ~= ARGV[2] then
  return {generation, head[2] or '', head[3] or '-1', head[4] or '', '', '0', '0', ''}
end

-- A part that was sent again, because its answer was lost, is in the stream already.
local accepted = 0
local seen = redis.call('GET', KEYS[5])
if seen then
  local of, number = string.match(seen, '^(%S*) (%d+)$')
  if of == generation then accepted = tonumber(number) end
end
local entry = ''
if tonumber(ARGV[3]) > accepted then
  entry = redis.call('XADD', KEYS[2], '*', 'replica', ARGV[1], 'number', ARGV[3], 'part', ARGV[4])
  redis.call('SET', KEYS[5], generation .. ' ' .. ARGV[3], 'EX', 3600)
  accepted = tonumber(ARGV[3])
end

local leader = redis.call('GET', KEYS[3])
if tonumber(ARGV[5]) > 0 then
  if not leader then
    leader = string.format('%d %s', redis.call('INCR', KEYS[4]), ARGV[1])
    redis.call('SET', KEYS[3], leader, 'PX', ARGV[5])
  elseif string.match(leader, '^%d+ (.*)$') == ARGV[1] then
    redis.call('PEXPIRE', KEYS[3], ARGV[5])
  end
end
local fence, name = '0', ''
if leader then fence, name = string.match(leader, '^(%d+) (.*)$') end
return {generation, head[2], head[3], head[4], name, fence, tostring(accepted), entry}
