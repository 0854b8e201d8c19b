-- Settles what an owner spent and changes its leases: balancer/fleet/pool.py says the same in Python.
-- Money is nano-dollars, below 2^53, so that numbers here are exact. Times are the store's.
-- KEYS: owners, prefix of limits
-- ARGV: owner, life in ms, linger in ms, 1 if it goes for good, replicas that have a place, number of
--   the question, and for each limit: name, limit, window in ms, spent, allowed, wanted, recent
local SLICES, QUIET_MS, LONGEST_MS, KEEP_MS = 60, 3000, 86400000, 172800000
local owner = ARGV[1]
local most, number = tonumber(ARGV[5]), tonumber(ARGV[6])
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)

local function text(number) return string.format('%.0f', number) end

-- A question that was on its way for long, and comes after a later one, does nothing.
local before = redis.call('HGET', KEYS[1], owner)
if before and number <= tonumber(string.match(before, '(%d+)$')) then return {'0'} end

local began = tonumber(redis.call('HGET', KEYS[1], '') or '-1')
if began < 0 then
  began = now
  redis.call('HSET', KEYS[1], '', text(now))
end

-- Until when each owner's leases are not charged, and who has a place.
local untils, places, known = {}, 0, nil
local flat = redis.call('HGETALL', KEYS[1])
for i = 1, #flat, 2 do
  if flat[i] ~= '' then
    local stop, place = string.match(flat[i + 1], '^(%d+) (%d) %d+$')
    stop = tonumber(stop)
    if stop + LONGEST_MS < now then
      redis.call('HDEL', KEYS[1], flat[i])
    else
      untils[flat[i]] = stop
      places = places + tonumber(place)
      if flat[i] == owner then known = tonumber(place) end
    end
  end
end
local place = known or (places < most and 1 or 0)
untils[owner] = now + tonumber(ARGV[2]) + tonumber(ARGV[3])
redis.call('HSET', KEYS[1], owner, text(untils[owner]) .. ' ' .. place .. ' ' .. text(number))
redis.call('PEXPIRE', KEYS[1], KEEP_MS)

local answer = {tostring(place)}
for at = 7, #ARGV, 7 do
  local name, limit, window = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local spent, allowed = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  local wanted, recent = tonumber(ARGV[at + 5]), tonumber(ARGV[at + 6])
  local key = KEYS[2] .. name

  local slices, owners, current = {}, {}, 0
  local fields = redis.call('HGETALL', key)
  for i = 1, #fields, 2 do
    local kind, rest = string.sub(fields[i], 1, 1), string.sub(fields[i], 2)
    if kind == 's' then
      slices[tonumber(rest)] = tonumber(fields[i + 1])
    elseif kind == 'o' then
      local a, s, c, p = string.match(fields[i + 1], '^(%S+) (%S+) (%S+) (%S+)$')
      owners[rest] = {tonumber(a), tonumber(s), tonumber(c), tonumber(p)}
    else
      current = tonumber(fields[i + 1])
    end
  end

  -- The window rolls.
  local length = math.max(1, math.ceil(window / SLICES))
  current = math.max(current, math.floor(now / length))
  for p, _ in pairs(slices) do
    if p < current - SLICES then
      slices[p] = nil
      redis.call('HDEL', key, 's' .. text(p))
    end
  end
  local changed = {}
  local function book(nano)
    if nano > 0 then
      slices[current] = (slices[current] or 0) + nano
      changed[current] = true
    end
  end
  local function keep(o)
    local v = owners[o]
    redis.call('HSET', key, 'o' .. o,
      text(v[1]) .. ' ' .. text(v[2]) .. ' ' .. text(v[3]) .. ' ' .. text(v[4]))
  end

  -- Owners nobody has heard of for too long have spent their leases, as far as one knows.
  for o, v in pairs(owners) do
    if v[4] >= 0 and v[4] < current - SLICES then
      owners[o] = nil
      redis.call('HDEL', key, 'o' .. o)
    elseif (untils[o] or 0) < now and v[4] < 0 then
      v[3], v[4] = math.max(0, v[1] - v[2]), current
      book(v[3])
      keep(o)
    end
  end

  local mine = owners[owner]
  if not mine then
    mine = {allowed, spent, 0, -1}
    owners[owner] = mine
    book(recent)
  elseif mine[4] >= 0 then
    if slices[mine[4]] then
      slices[mine[4]] = slices[mine[4]] - mine[3]
      changed[mine[4]] = true
    else
      mine[1] = mine[2]
    end
    mine[3], mine[4] = 0, -1
  end
  book(math.max(0, spent - mine[2]))
  mine[2] = math.max(mine[2], spent)
  mine[1] = math.max(mine[1], mine[2])

  local settled = 0
  for _, v in pairs(slices) do settled = settled + v end
  local leased = 0
  for _, v in pairs(owners) do
    if v[4] < 0 then leased = leased + math.max(0, v[1] - v[2]) end
  end
  local had = mine[1]
  if wanted <= mine[1] then
    mine[1] = math.max(wanted, mine[2])
  elseif now >= began + QUIET_MS then
    local room = math.max(0, limit - settled - leased)
    mine[1] = mine[1] + math.min(wanted - mine[1], math.floor(room / most))
  end
  leased = leased + mine[1] - had

  keep(owner)
  for p, _ in pairs(changed) do redis.call('HSET', key, 's' .. text(p), text(slices[p])) end
  redis.call('HSET', key, 'c', text(current))
  redis.call('PEXPIRE', key, KEEP_MS)
  answer[#answer + 1] = text(mine[1])
  answer[#answer + 1] = text(settled)
  answer[#answer + 1] = text(leased)
end
if ARGV[4] == '1' then redis.call('HDEL', KEYS[1], owner) end
return answer
