-- Adds the elements from ARGV[1] up to but without ARGV[2] to KEYS[1], with the command ARGV[3], each with ARGV[4] bytes
-- of a text (ARGV[5]).
local from, to, command, length, text = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4]), ARGV[5]
for i = from, to - 1 do
  local at = (i * 7919) % (#text - length)
  local piece = text:sub(at + 1, at + length)
  if command == 'HSET' then redis.call('HSET', KEYS[1], 'field:' .. i, piece)
  elseif command == 'ZADD' then redis.call('ZADD', KEYS[1], i * 31 % 1000003, piece .. i)
  else redis.call(command, KEYS[1], piece) end
end
