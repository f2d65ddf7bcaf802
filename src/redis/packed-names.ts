/** Headers of MessagePack: a list of up to 2^32 items, and a string of up to 2^32 bytes. */
const LIST = { mark: 0xdd, bytes: 5 };
const TEXT = { mark: 0xdb, bytes: 5 };

/**
 * Names of keys as one argument, which a script reads with `cmsgpack.unpack(ARGV[1])`: a thousand arguments cost this
 * process, and the server too, several times as much.
 */
export function packNames(keys: readonly Buffer[]): Buffer {
  const size = keys.reduce((sum, key) => sum + TEXT.bytes + key.length, LIST.bytes);
  const packed = Buffer.allocUnsafe(size);
  packed[0] = LIST.mark;
  packed.writeUInt32BE(keys.length, 1);
  let at = LIST.bytes;
  for (const key of keys) {
    packed[at] = TEXT.mark;
    packed.writeUInt32BE(key.length, at + 1);
    at += TEXT.bytes;
    packed.set(key, at);
    at += key.length;
  }
  return packed;
}
