import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { frontDoorProgramText } from '../../scripts/front-door-program.ts';
import { frontDoorSource, sourceArchive } from '../../src/front-door/source.ts';
import '../support/servers.ts';

const options = {
  targetHost: 'shop-abc.ondigitalocean.app',
  migrationId: 'shop-production',
  secret: 's3cret',
};

test('the program that bundles carry is the one in program/; `npm run docs` brings it up to date', async () => {
  const { current, expected } = await frontDoorProgramText(join(import.meta.dirname, '..', '..'));
  expect(current).toBe(expected);
});

test('the source is what the Node.js buildpack builds without fetching anything', () => {
  const { files } = frontDoorSource({ ...options, otherProcesses: ['worker', 'web', 'release', 'clock'] });
  expect(files['Procfile']).toBe(
    'web: env -u NODE_OPTIONS node server.js\nworker: sleep infinity\nclock: sleep infinity\n',
  );
  const manifest = JSON.parse(files['package.json'] ?? '') as Record<string, unknown>;
  expect(manifest).toMatchObject({ type: 'module', engines: { node: '24.x' } });
  expect(Object.keys(manifest).filter((name) => /dependencies/i.test(name))).toEqual([]);
  expect(files['server.js']).not.toMatch(/from '(?!node:)|require\(/);
  expect(JSON.parse(files['front-door.json'] ?? '')).toMatchObject({ holdLimitMs: 25_000, forwards: 'row' });
});

test('the archive unpacks to the files, and packing them again, in another order, gives the same bytes', () => {
  const { files } = frontDoorSource(options);
  const archive = sourceArchive(files);
  const directory = temporaryDirectory('archive');
  writeFileSync(join(directory, 'source.tar.gz'), archive);
  execFileSync('tar', ['-xzf', 'source.tar.gz'], { cwd: directory });
  for (const [path, content] of Object.entries(files))
    expect(readFileSync(join(directory, path), 'utf8')).toBe(content);
  execFileSync(process.execPath, ['--check', 'server.js'], { cwd: directory });

  const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
  const otherOrder = Object.fromEntries(Object.entries(files).reverse());
  expect(digest(sourceArchive(otherOrder))).toBe(digest(archive));
  expect(digest(sourceArchive({ ...files, Procfile: 'web: x\n' }))).not.toBe(digest(archive));
  expect(() => sourceArchive({ ['a'.repeat(101)]: '' })).toThrow('too long');
});
