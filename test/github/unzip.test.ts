import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';

import { afterAll, beforeAll, expect, test } from '@jest/globals';

import { zipFolder } from '../../rehearsal/github/zip.ts';
import { fileInZip } from '../../src/github/unzip.ts';

let folder: string;
let archive: Buffer;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'unzip-'));
  writeFileSync(join(folder, 'a.txt'), 'first');
  writeFileSync(join(folder, 'record.json'), '{"größe":1}');
  archive = zipFolder(folder);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** One entry as a writer of streams leaves it: compressed, with its sizes in the directory alone. */
function streamed(name: string, content: Buffer, method = 8): Buffer {
  const data = method === 8 ? deflateRawSync(content) : content;
  const local = Buffer.alloc(30);
  local.writeUInt32LE(0x04034b50, 0);
  local.writeUInt16LE(0x0008, 6);
  local.writeUInt16LE(method, 8);
  local.writeUInt16LE(name.length, 26);
  const entry = Buffer.alloc(46);
  entry.writeUInt32LE(0x02014b50, 0);
  entry.writeUInt16LE(method, 10);
  entry.writeUInt32LE(data.length, 20);
  entry.writeUInt32LE(content.length, 24);
  entry.writeUInt16LE(name.length, 28);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(30 + name.length + data.length, 16);
  return Buffer.concat([local, Buffer.from(name), data, entry, Buffer.from(name), end]);
}

test('a file is found by its name, stored or compressed, whatever follows the directory', () => {
  expect(fileInZip(archive, 'record.json', 100)?.toString()).toBe('{"größe":1}');
  expect(fileInZip(archive, 'a.txt', 100)?.toString()).toBe('first');
  expect(fileInZip(archive, 'b.txt', 100)).toBeUndefined();
  const content = Buffer.from('x'.repeat(5_000));
  expect(fileInZip(streamed('r', content), 'r', 5_000)).toEqual(content);
  const commented = Buffer.concat([streamed('r', content), Buffer.from('a comment')]);
  expect(fileInZip(commented, 'r', 5_000)).toEqual(content);
});

test('what is too large, cut, damaged or no archive is refused', () => {
  const content = Buffer.alloc(1_000_000);
  const bomb = streamed('r', content);
  expect(() => fileInZip(bomb, 'r', 1_000)).toThrow(/1000000 bytes, more than 1000/);
  // The directory may lie about the size.
  bomb.writeUInt32LE(10, bomb.length - 22 - 47 + 24);
  expect(() => fileInZip(bomb, 'r', 1_000)).toThrow();
  expect(() => fileInZip(Buffer.from('not an archive at all'), 'r', 10)).toThrow(/no ZIP archive/);
  expect(() => fileInZip(archive.subarray(40), 'a.txt', 100)).toThrow();
  expect(() => fileInZip(streamed('r', content, 12), 'r', 2_000_000)).toThrow(/method 12/);
});
