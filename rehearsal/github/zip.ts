import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { crc32 } from 'node:zlib';

/**
 * A folder as a ZIP archive with stored (uncompressed) entries, which is all that a downloaded artifact needs to be.
 * Layout: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.3.
 */
export function zipFolder(folder: string): Buffer {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
    .sort();
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const path of files) {
    const name = Buffer.from(relative(folder, path));
    const content = readFileSync(path);
    const facts = entryFacts(content, name.length);
    const header = Buffer.concat([number(0x04034b50, 4), number(20, 2), facts, number(0, 2), name]);
    local.push(header, content);
    central.push(
      Buffer.concat([
        number(0x02014b50, 4),
        number(20, 2),
        number(20, 2),
        facts,
        Buffer.alloc(12),
        number(offset, 4),
        name,
      ]),
    );
    offset += header.length + content.length;
  }
  const directory = Buffer.concat(central);
  const counts = Buffer.concat([number(0, 4), number(files.length, 2), number(files.length, 2)]);
  const end = Buffer.concat([
    number(0x06054b50, 4),
    counts,
    number(directory.length, 4),
    number(offset, 4),
    number(0, 2),
  ]);
  return Buffer.concat([...local, directory, end]);
}

/** The part that a local header and a central one share: flags, method, time, checksum, sizes, length of the name. */
function entryFacts(content: Buffer, nameLength: number): Buffer {
  const utf8Names = 0x0800;
  return Buffer.concat([
    number(utf8Names, 2),
    number(0, 2),
    number(0, 2),
    number(0x21, 2),
    number(crc32(content), 4),
    number(content.length, 4),
    number(content.length, 4),
    number(nameLength, 2),
  ]);
}

function number(value: number, bytes: 2 | 4): Buffer {
  const buffer = Buffer.alloc(bytes);
  if (bytes === 2) buffer.writeUInt16LE(value);
  else buffer.writeUInt32LE(value);
  return buffer;
}
