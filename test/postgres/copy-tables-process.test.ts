import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { terminateStale } from '../../src/postgres/settle.ts';
import { full } from '../support/or-skipped.ts';
import type { CopyProcessInput, CopyProcessOutput } from './copy-process.ts';
import { copying, type Copying } from './copying.ts';

/** What DESIGN promises for any size. */
const MOST_MB = 250;

/** Starts the copy and, with `killAfterMs`, kills it then, whatever it is doing. */
async function copyInProcess(
  sides: Copying,
  options: Partial<CopyProcessInput>,
  killAfterMs?: number,
): Promise<CopyProcessOutput | 'killed'> {
  const input: CopyProcessInput = {
    ...{ source: sides.source, loader: sides.loader, migrationId: sides.migrationId },
    ...{ epoch: 1, chunkBytes: 16_000_000, pairs: 4, resume: false },
    ...options,
  };
  const script = fileURLToPath(new URL('./copy-process.ts', import.meta.url));
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, COPY_INPUT: JSON.stringify(input) },
  });
  let output = '';
  child.stdout.on('data', (piece: Buffer) => (output += piece.toString()));
  const exit = once(child, 'close');
  if (killAfterMs !== undefined) {
    await Promise.race([delay(killAfterMs), exit]);
    child.kill('SIGKILL');
  }
  await exit;
  if (child.signalCode === 'SIGKILL') return 'killed';
  expect(child.exitCode).toBe(0);
  return JSON.parse(output) as CopyProcessOutput;
}

test(`rows of 2 kB and values of ${full ? 200 : 30} MB: memory stays flat`, async () => {
  const megabytes = full ? 1000 : 80;
  const value = full ? 200 : 30;
  const sides = await copying(
    'CREATE TABLE wide (id integer, body text); CREATE TABLE files (id integer, body bytea)',
    `ALTER TABLE wide ALTER COLUMN body SET STORAGE EXTERNAL;
     INSERT INTO wide SELECT n, repeat(md5(n::text), 62) FROM generate_series(1, ${megabytes * 500}) n;
     ALTER TABLE files ALTER COLUMN body SET STORAGE EXTERNAL;
     INSERT INTO files SELECT n, decode(repeat('00ff' || n || n, ${Math.round((value * 1_000_000) / 3)}), 'hex') FROM generate_series(1, 5) n`,
  );
  const copied = await copyInProcess(sides, {});
  if (copied === 'killed') throw new Error('killed');
  process.stderr.write(
    `${Math.round(copied.bytes / 1e6)} MB in ${Math.round(copied.milliseconds)} ms, peak ${Math.round(copied.peakMb)} MB\n`,
  );
  expect(copied.rows).toBe(megabytes * 500 + 5);
  expect(copied.bytes / 1e6).toBeGreaterThan(megabytes + 4 * value);
  expect(copied.peakMb).toBeLessThan(full ? MOST_MB : 220);
}, 600_000);

test('killed at any moment and started again, a copy is whole, and what was committed is reused', async () => {
  const sides = await copying(
    'CREATE TABLE events (id integer, body text); CREATE TABLE notes (id integer, body text)',
    `INSERT INTO events SELECT n, repeat(md5(n::text), 5) FROM generate_series(1, ${full ? 200_000 : 60_000}) n;
     INSERT INTO notes SELECT n, md5(n::text) FROM generate_series(1, 10000) n`,
  );
  let epoch = 1;
  let kills = 0;
  const options = { chunkBytes: 262_144, pairs: 2, resume: true };
  // Even on a quick machine the first kill comes before the process has its sessions.
  for (let after = 150; ; after += 200) {
    const copied = await copyInProcess(sides, { ...options, epoch }, after);
    epoch += 1;
    await terminateStale(sides.loader, { migrationId: sides.migrationId, epoch });
    await terminateStale(sides.source, { migrationId: sides.migrationId, epoch });
    if (copied === 'killed') {
      kills += 1;
      continue;
    }
    const [noted] = await sides.onTarget<{ rows: number }>(
      'SELECT sum(rows)::integer AS rows FROM heroku_to_digitalocean.copied',
    );
    expect(noted?.rows).toBe((full ? 200_000 : 60_000) + 10_000);
    break;
  }
  expect(kills).toBeGreaterThan(0);
  expect(await sides.differences()).toEqual([]);
  const again = await copyInProcess(sides, { ...options, epoch });
  expect(again).toMatchObject({ rows: 0, reused: { tables: 2, chunks: 0 } });
}, 300_000);
