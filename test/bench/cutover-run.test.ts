import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { startProcess, stopAll, temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { testInFull } from '../support/or-skipped.ts';

// The program itself, in a process of its own.
const PROGRAM = join(import.meta.dirname, '../../bench/main.ts');

afterAll(() => stopAll());

interface Way {
  downtimeMs: number | null;
  longestHoldMs: number | null;
  refusedRequests: number | null;
  vsByHand: number | null;
}
interface Size extends Record<'by-hand' | 'window-dns' | 'live-dns', Way> {
  sizeMb: number;
}
interface Told {
  environment: { cores: number };
  sizes: Size[];
  failed: Record<string, string>;
}

async function bench(args: string[], env: Record<string, string> = {}) {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const { exited } = startProcess(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', PROGRAM, 'cutover', '--json', ...args],
    {
      env: { ...process.env, ...env },
      onLine: (line, stream) => void (stream === 'stdout' ? stdout : stderr).push(line),
    },
  );
  const code = await exited;
  return { code, stdout, story: stderr.join('\n'), told: JSON.parse(stdout.at(-1) ?? 'null') as Told };
}

test('what could not be measured is named, with null for its figures, and the exit code says so', async () => {
  const nowhere = join(temporaryDirectory('nowhere'), 'not-there');
  const { code, told } = await bench(['--size', '1MB', '--only', 'by-hand'], { TMPDIR: nowhere });
  expect(code).toBe(1);
  expect(Object.keys(told.failed)).toEqual(['by-hand 1 MB']);
  expect(told.failed['by-hand 1 MB']).toContain('not-there');
  expect(told.sizes[0]?.['by-hand']).toMatchObject({ downtimeMs: null, refusedRequests: null });
}, 60_000);

testInFull(
  'a tiny shop moved by hand and by us: the last line is one JSON object with what visitors noticed of each',
  async () => {
    const { code, stdout, story, told } = await bench(['--size', '1MB', '--only', 'by-hand,window-dns']);
    expect({ code, story: code === 0 ? '' : story }).toEqual({ code: 0, story: '' });
    expect(stdout).toHaveLength(1);
    expect(told.failed).toEqual({});
    expect(told.environment.cores).toBeGreaterThan(0);
    expect(told.sizes.map(({ sizeMb }) => sizeMb)).toEqual([1]);
    const [size] = told.sizes;
    const [byHand, ours] = [size?.['by-hand'], size?.['window-dns']];
    // Maintenance mode turns everybody away: as long as dump and restore take, and as long as ours takes.
    for (const way of [byHand, ours]) {
      expect(way?.downtimeMs).toBeGreaterThan(0);
      expect(way?.refusedRequests).toBeGreaterThan(0);
      expect(way?.longestHoldMs).toBeGreaterThan(0);
    }
    expect(byHand?.vsByHand).toBeNull();
    expect(ours?.vsByHand).toBeGreaterThan(0);
    expect(size?.['live-dns']).toMatchObject({ downtimeMs: null, longestHoldMs: null });
    expect(story).toMatch(/1 MB, by-hand: downtime, s +\d/);
  },
  1_800_000,
);
