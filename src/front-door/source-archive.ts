import { gzipSync } from 'node:zlib';

/**
 * What Heroku's Builds API takes: a gzipped tar with the files at its top. The same files give the same bytes, whatever
 * machine packs them: no times, names in order, and nothing compressed, as what is compressed differs from one
 * version of zlib to the next.
 *
 * @throws Error for a path that the plain format has no room for
 */
export function sourceArchive(files: Readonly<Record<string, string>>): Buffer {
  const blocks = Object.keys(files)
    .sort()
    .flatMap((path) => {
      const content = Buffer.from(files[path] ?? '', 'utf8');
      const padding = Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK);
      return [header(path, content.length), content, padding];
    });
  // Two empty blocks end an archive.
  const archive = gzipSync(Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]), { level: 0 });
  // The ninth byte names the packing machine's system; 255 is "unknown" (RFC 1952).
  archive[9] = 255;
  return archive;
}

const BLOCK = 512;

/** A plain file for its owner to write and everybody to read, in POSIX's ustar format. */
function header(path: string, size: number): Buffer {
  if (Buffer.byteLength(path) > 100) throw new Error(`${path} is too long for the source archive.`);
  const block = Buffer.alloc(BLOCK);
  const write = (text: string, offset: number): void => {
    block.write(text, offset, 'utf8');
  };
  write(path, 0);
  write('0000644\0', 100);
  write('0000000\0', 108);
  write('0000000\0', 116);
  write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  write('00000000000\0', 136);
  write('        ', 148);
  write('0', 156);
  write('ustar\x0000', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}
