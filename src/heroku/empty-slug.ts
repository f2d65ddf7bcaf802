import { gzipSync } from 'node:zlib';

/** A slug is a gzipped tar with everything under `./app/` (Heroku Dev Center, "Deploying slugs"): here that folder alone. */
export function emptySlugArchive(): Buffer {
  const header = Buffer.alloc(512);
  const write = (text: string, offset: number): void => {
    header.write(text, offset, 'latin1');
  };
  write('./app/', 0);
  write('0000755\0', 100);
  write('0000000\0', 108);
  write('0000000\0', 116);
  write('00000000000\0', 124);
  write('00000000000\0', 136);
  write('        ', 148);
  write('5', 156);
  write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  // Two empty blocks end an archive.
  return gzipSync(Buffer.concat([header, Buffer.alloc(1024)]));
}
