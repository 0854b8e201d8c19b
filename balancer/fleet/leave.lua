-- Gives the leader's lease back, if it is still this one.
-- KEYS: leader
-- ARGV: replica, fence
if redis.call('GET', KEYS[1]) ~= ARGV[2] .. ' ' .. ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
