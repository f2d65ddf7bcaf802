import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { systemClock } from '../../src/clock.ts';
import { compareRedis } from '../../src/redis/parity.ts';
import { full } from '../support/or-skipped.ts';
import type { CopyProcessInput } from './copy-process.ts';
import { fillMixed } from './mixed-data.ts';
import { twoRedis, type TwoRedis } from './two-sides.ts';

const SEED = Number(process.env['TEST_SEED'] ?? 1 + Math.floor(Math.random() * 1e6));
const KILLS = full ? 25 : 4;

/** The same numbers for the same seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface Run {
  copied: boolean;
  /** From when its program had been read. */
  milliseconds: number;
}

/** Runs a whole copy in a process of its own and kills it so long after it has begun. */
async function run(sides: TwoRedis, killAfterMs: number): Promise<Run> {
  const input: CopyProcessInput = {
    source: sides.source,
    target: sides.target,
    skip: [],
    migrationId: 'shop-test',
  };
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', fileURLToPath(new URL('./copy-process.ts', import.meta.url))],
    {
      env: { PATH: process.env['PATH'], COPY_INPUT: JSON.stringify(input) },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const ended = once(child, 'exit');
  let said = '';
  let startedMs = 0;
  child.stdout.on('data', (data: Buffer) => {
    if (said === '') {
      startedMs = performance.now();
      setTimeout(() => child.kill('SIGKILL'), killAfterMs).unref();
    }
    said += data.toString();
  });
  await ended;
  return { copied: said.includes('copied'), milliseconds: performance.now() - startedMs };
}

/** Each key is on the target as the source has it, or not at all. */
async function requireWholeKeys(sides: TwoRedis): Promise<{ keys: number; parts: number }> {
  const keys: Buffer[] = [];
  let parts = 0;
  for (const database of [0, 3]) {
    await sides.to.select(database);
    for (const key of await sides.to.keysBuffer('*'))
      if (key.toString().startsWith('heroku-to-digitalocean:part:')) parts += 1;
      else if (!key.toString().startsWith('heroku-to-digitalocean:')) keys.push(key);
  }
  await sides.to.select(0);
  const parity = await compareRedis({ source: sides.source, target: sides.target, skip: [], keys });
  // A name that is in two databases may be on the target in one of them only, so far.
  const halves = parity.differences.filter((line) => !line.endsWith('only on the source'));
  expect(halves).toEqual([]);
  return { keys: keys.length, parts };
}

test(
  `a copy that is killed leaves whole keys or none, and the next run completes it (seed ${SEED})`,
  async () => {
    const random = randomOf(SEED);
    const sides = await twoRedis();
    await fillMixed(sides.from, { small: full ? 40_000 : 8_000, bigBytes: full ? 6_000_000 : 2_000_000 });
    const whole = await run(sides, 120_000);
    expect(whole.copied).toBe(true);
    expect(await sides.compare()).toMatchObject({ equal: true });
    await sides.to.flushall();

    const seen = { kills: 0, between: 0, withParts: 0, completed: 0 };
    // Few may all come too early, before the first key.
    while (seen.kills < KILLS || seen.between === 0) {
      const { copied } = await run(sides, 20 + random() * whole.milliseconds);
      const { keys, parts } = await requireWholeKeys(sides);
      if (copied) {
        seen.completed += 1;
        expect(parts).toBe(0);
        expect(await sides.compare()).toMatchObject({ equal: true });
        await sides.to.flushall();
        continue;
      }
      seen.kills += 1;
      if (keys > 0) seen.between += 1;
      if (parts > 0) seen.withParts += 1;
      // Half of the time the next run goes on where this one was killed.
      if (random() < 0.5) await sides.to.flushall();
      await systemClock.sleep(10);
    }
    const last = await run(sides, 120_000);
    expect(last.copied).toBe(true);
    expect((await requireWholeKeys(sides)).parts).toBe(0);
    expect(await sides.compare()).toMatchObject({ equal: true });
    process.stderr.write(
      `${seen.kills} kills of a copy of ${Math.round(whole.milliseconds)} ms: ${seen.between} with keys there, ` +
        `${seen.withParts} with a part, ${seen.completed} copies were quicker\n`,
    );
    expect(seen.between).toBeGreaterThan(0);
  },
  full ? 900_000 : 120_000,
);
