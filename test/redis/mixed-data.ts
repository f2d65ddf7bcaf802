import type { Redis } from 'ioredis';

/** Fills by scripts, so that a hundred thousand keys take a second. */
const smallKeys = `
  for i = tonumber(ARGV[1]), tonumber(ARGV[2]) do
    local kind = i % 7
    if kind == 0 then redis.call('SET', 'string:' .. i, string.rep('v', i % 200))
    elseif kind == 1 then redis.call('HSET', 'hash:' .. i, 'a', i, 'b', string.rep('x', i % 90))
    elseif kind == 2 then redis.call('SADD', 'set:' .. i, i, 'm' .. i, 'n')
    elseif kind == 3 then redis.call('ZADD', 'zset:' .. i, i / 7, 'a', -i, 'b')
    elseif kind == 4 then redis.call('RPUSH', 'list:' .. i, 'x', i, string.rep('y', i % 70))
    elseif kind == 5 then redis.call('XADD', 'stream:' .. i, '1-' .. i, 'field', i)
    else redis.call('SET', 'session:' .. i, i, 'EX', 3600 + i) end
  end`;

const bigKeys = `
  local bytes = tonumber(ARGV[1])
  local text = string.rep('x', 90)
  for i = 1, bytes / 130 do
    redis.call('HSET', 'big:hash', 'field' .. i, text)
    redis.call('SADD', 'big:set', text .. i)
    redis.call('ZADD', 'big:zset', i / 3, text .. i)
    redis.call('RPUSH', 'big:list', text .. i)
    redis.call('XADD', 'big:stream', '1-' .. i, 'field', text)
  end
  redis.call('SETRANGE', 'big:string', bytes, 'end')
  redis.call('XGROUP', 'CREATE', 'big:stream', 'group', '0')
  redis.call('XREADGROUP', 'GROUP', 'group', 'me', 'COUNT', 100, 'STREAMS', 'big:stream', '>')
  redis.call('PEXPIRE', 'big:hash', 86400000)`;

/** So many small keys of all types in database 0, a tenth of that in database 3, and one key of each type of `bigBytes`. */
export async function fillMixed(
  redis: Redis,
  { small, bigBytes }: { small: number; bigBytes?: number },
): Promise<void> {
  for (let first = 1; first <= small; first += 10_000)
    await redis.eval(smallKeys, 0, first, Math.min(small, first + 9_999));
  if (bigBytes !== undefined) await redis.eval(bigKeys, 0, bigBytes);
  await redis.select(3);
  await redis.eval(smallKeys, 0, 1, Math.ceil(small / 10));
  await redis.select(0);
}
