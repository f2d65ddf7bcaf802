import { inflateRawSync } from 'node:zlib';

// PKWARE's APPNOTE.TXT, 4.3: the directory at the end tells where each entry lies. What stands before an entry's own data
// is not relied on, since writers of streams leave sizes out there.
const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const LOCAL_ENTRY = 0x04034b50;
const LONGEST_COMMENT = 0xffff;
const STORED = 0;
const DEFLATED = 8;

/**
 * One file of a ZIP archive, as an artifact is downloaded; undefined when the archive holds none of that name.
 *
 * @param largest bytes that the file may have; a small archive may hold a very large one
 * @throws Error for what is no archive, an entry that was cut, and one that is larger
 */
export function fileInZip(archive: Buffer, name: string, largest: number): Buffer | undefined {
  const end = endOfDirectory(archive);
  let at = archive.readUInt32LE(end + 16);
  for (let left = archive.readUInt16LE(end + 10); left > 0; left -= 1) {
    if (archive.readUInt32LE(at) !== DIRECTORY_ENTRY)
      throw new Error('The directory of the archive is damaged.');
    const nameLength = archive.readUInt16LE(at + 28);
    if (archive.toString('utf8', at + 46, at + 46 + nameLength) === name)
      return entryAt(archive, at, largest);
    at += 46 + nameLength + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
  }
  return undefined;
}

/** A comment may follow it. */
function endOfDirectory(archive: Buffer): number {
  const first = Math.max(0, archive.length - 22 - LONGEST_COMMENT);
  for (let at = archive.length - 22; at >= first; at -= 1) {
    if (archive.readUInt32LE(at) === END_OF_DIRECTORY) return at;
  }
  throw new Error('This is no ZIP archive.');
}

function entryAt(archive: Buffer, directory: number, largest: number): Buffer {
  const method = archive.readUInt16LE(directory + 10);
  const compressed = archive.readUInt32LE(directory + 20);
  const size = archive.readUInt32LE(directory + 24);
  const local = archive.readUInt32LE(directory + 42);
  if (size > largest) throw new Error(`The file in the archive has ${size} bytes, more than ${largest}.`);
  if (archive.readUInt32LE(local) !== LOCAL_ENTRY) throw new Error('An entry of the archive is damaged.');
  const begin = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
  const content = archive.subarray(begin, begin + compressed);
  if (content.length !== compressed) throw new Error('The archive was cut.');
  switch (method) {
    case STORED:
      return content;
    case DEFLATED:
      return inflateRawSync(content, { maxOutputLength: largest });
    default:
      throw new Error(`The archive uses the method ${method}, which is not known here.`);
  }
}
