-- Makes the keys from ARGV[1] up to but without ARGV[2]: key i is of the i-th kind (ARGV[3], names in a row, in turn), and
-- made of pieces of a text (ARGV[4]). Every third expires, long after the benchmark.
local from, to, text = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[4]
local kinds = {}
for kind in ARGV[3]:gmatch('%S+') do kinds[#kinds + 1] = kind end

local function piece(i, length)
  local at = (i * 7919) % (#text - 4096)
  return text:sub(at + 1, at + length)
end

local make = {
  string = function(key, i) redis.call('SET', key, piece(i, 40 + i * 31 % 260)) end,
  counter = function(key, i) redis.call('SET', key, i * 37 % 100000) end,
  hash = function(key, i)
    redis.call('HSET', key, 'id', i, 'name', piece(i, 12), 'email', piece(i + 1, 24), 'city', piece(i + 2, 9),
      'seen', 1700000000 + i, 'note', piece(i + 3, 20 + i % 44))
  end,
  -- More fields than a listpack may have.
  map = function(key, i)
    local fields = {}
    for field = 1, 150 do
      fields[#fields + 1] = 'f' .. field
      fields[#fields + 1] = piece(i + field, 10)
    end
    redis.call('HSET', key, unpack(fields))
  end,
  list = function(key, i)
    local items = {}
    for item = 1, 3 + i % 6 do items[item] = piece(i + item, 30) end
    redis.call('RPUSH', key, unpack(items))
  end,
  numbers = function(key, i)
    local members = {}
    for member = 1, 5 + i % 20 do members[member] = i + member * 97 end
    redis.call('SADD', key, unpack(members))
  end,
  set = function(key, i)
    local members = {}
    for member = 1, 3 + i % 6 do members[member] = piece(i + member, 16) end
    redis.call('SADD', key, unpack(members))
  end,
  zset = function(key, i)
    local members = {}
    for member = 1, 3 + i % 6 do
      members[#members + 1] = i % 1000 + member / 4
      members[#members + 1] = piece(i + member, 16)
    end
    redis.call('ZADD', key, unpack(members))
  end,
  stream = function(key, i)
    for entry = 1, 4 do redis.call('XADD', key, '1700000000000-' .. entry, 'event', piece(i + entry, 30)) end
    redis.call('XGROUP', 'CREATE', key, 'readers', '0')
    redis.call('XREADGROUP', 'GROUP', 'readers', 'one', 'COUNT', 2, 'STREAMS', key, '>')
  end,
}

for i = from, to - 1 do
  local kind = kinds[i % #kinds + 1]
  local key = kind .. ':' .. i
  make[kind](key, i)
  if i % 3 == 0 then redis.call('PEXPIRE', key, 21600000 + i % 86400000) end
end
