import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import pg from 'pg';
import { silentLog } from '../../src/log.ts';
import { compareDatabases } from '../../src/postgres/parity.ts';
import { terminateStale } from '../../src/postgres/settle.ts';
import type { Sides } from '../../src/postgres/sides.ts';
import { findPostgresTools } from '../../src/postgres/tools.ts';
import { temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { full } from '../support/or-skipped.ts';
import { testPostgres } from '../support/servers.ts';
import type { LiveProcessInput } from './live-process.ts';
import { everythingSql, twoSides, type TwoSides } from './two-sides.ts';

const SEED = Number(process.env['TEST_SEED'] ?? 1 + Math.floor(Math.random() * 1e6));

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

/** Writes as the application does, until the fence refuses it; answers how many statements were acknowledged. */
function startWriter(sides: TwoSides, random: () => number): { stop(): Promise<number> } {
  const stopped = { now: false };
  const statements = [
    (n: number) => `INSERT INTO orders (user_id, net) SELECT id, ${n} FROM users ORDER BY random() LIMIT 3`,
    (n: number) => `UPDATE users SET balance = ${n}, settings = '{"n": ${n}}' WHERE id % 10 = ${n % 10}`,
    (n: number) => `DELETE FROM users WHERE id = ${n % 300}`,
    (n: number) => `UPDATE orders SET id = DEFAULT WHERE id = ${n}`,
    (n: number) => `INSERT INTO no_key VALUES ('${n}', ${n}), ('${n}', ${n})`,
    (n: number) => `UPDATE events SET at = date '2026-02-01' + ${n % 300} WHERE id = ${n % 500}`,
    (n: number) => `BEGIN; DELETE FROM orders WHERE id % 50 = ${n % 50}; ROLLBACK; SELECT nextval('tickets')`,
    (n: number) =>
      `TRUNCATE "Odd Names"."Grüße; DROP TABLE"; INSERT INTO "Odd Names"."Grüße; DROP TABLE" VALUES ('${n}')`,
    (n: number) => `INSERT INTO "Odd Names"."Grüße; DROP TABLE" VALUES ('k${n}', 'x') ON CONFLICT DO NOTHING`,
  ];
  const work = async (): Promise<number> => {
    const client = new pg.Client({ connectionString: sides.sourceDatabase.url, application_name: 'writer' });
    client.on('error', () => undefined);
    await client.connect();
    let acknowledged = 0;
    while (!stopped.now) {
      const n = Math.floor(random() * 2_500);
      const statement = statements[Math.floor(random() * statements.length)]?.(n) ?? '';
      try {
        await client.query(statement);
        acknowledged += 1;
      } catch (thrown) {
        // 25006: closed for good. 40P01 and 55P03 are an application's everyday life.
        if (!(thrown instanceof pg.DatabaseError) || !['25006', '40P01', '55P03'].includes(thrown.code ?? ''))
          throw thrown;
        if (thrown.code === '25006') break;
        await client.query('ROLLBACK');
      }
      await delay(5);
    }
    await client.end();
    return acknowledged;
  };
  const working = work();
  return {
    stop: () => {
      stopped.now = true;
      return working;
    },
  };
}

/** When a move is killed: so many milliseconds after it told this step. */
interface Kill {
  step: 'started' | 'begun' | 'caught up' | 'finished' | 'committed';
  afterMs: number;
}

/** By the steps, so that they are met on a slow machine as on a quick one. */
function drawnKills(random: () => number): Kill[] {
  const anywhere = (): Kill => ({ step: 'started', afterMs: random() * 1_000 });
  const behind = (step: Kill['step']): Kill => ({ step, afterMs: random() * 100 });
  return [
    ...[anywhere(), anywhere(), behind('begun'), anywhere(), behind('caught up'), behind('finished')],
    ...[anywhere(), behind('committed')],
  ];
}

/** Runs the whole move, and kills it; answers the steps it told, the last of them "settled" when it ended. */
async function runAndKill(input: LiveProcessInput, kill: Kill | undefined): Promise<string[]> {
  const script = fileURLToPath(new URL('./live-process.ts', import.meta.url));
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, LIVE_INPUT: JSON.stringify(input) },
  });
  let [output, errors] = ['', ''];
  let timer: NodeJS.Timeout | undefined;
  child.stdout.on('data', (piece: Buffer) => {
    output += piece.toString();
    if (kill !== undefined && output.includes(kill.step))
      timer ??= setTimeout(() => child.kill('SIGKILL'), kill.afterMs);
  });
  child.stderr.on('data', (piece: Buffer) => (errors += piece.toString()));
  await once(child, 'close');
  clearTimeout(timer);
  if (child.signalCode !== 'SIGKILL' && child.exitCode !== 0) throw new Error(errors);
  return output.trim().split('\n');
}

let total = 0;

test.each(Array.from({ length: full ? 20 : 1 }, (_, index) => SEED + index))(
  'killed again and again while the application writes, a live move ends with every row (seed %i)',
  async (seed) => {
    const random = randomOf(seed);
    const sides = await twoSides(everythingSql);
    const both: Sides = { source: sides.source, target: { owner: sides.owner, loader: sides.loader } };
    const server = await testPostgres();
    const writer = startWriter(sides, random);
    const left = drawnKills(random);
    const kills: string[] = [];
    let done = false;
    for (let epoch = 1; !done; epoch += 1) {
      for (const address of [both.source, both.target.owner, both.target.loader])
        await terminateStale(address, { migrationId: 'kills', epoch });
      const steps = await runAndKill(
        {
          sides: both,
          options: {
            ...{ migrationId: 'kills', epoch, directory: temporaryDirectory('kill'), onSchemaChange: 'stop' },
            tools: await findPostgresTools(15, { environmentPath: server.binaries.bin }),
            limits: { logBytes: 1e9, leaseMs: 3_600_000 },
          },
        },
        left.shift(),
      );
      done = steps.includes('settled');
      if (!done) kills.push(steps.at(-1) ?? '');
    }
    expect(await writer.stop()).toBeGreaterThan(0);
    expect(kills.length).toBeGreaterThan(2);
    process.stderr.write(`seed ${seed}: killed ${kills.length} times, after: ${kills.join('; ')}\n`);
    const parity = await compareDatabases({ source: sides.source, target: sides.owner, log: silentLog });
    expect({
      kills,
      tables: parity.tables.filter(({ equal }) => !equal),
      catalogue: parity.catalogue,
      sequences: parity.sequences,
    }).toEqual({ kills, tables: [], catalogue: [], sequences: [] });
    total += kills.length;
  },
  600_000,
);

if (full)
  test('that was fifty kills at least', () => {
    expect(total).toBeGreaterThanOrEqual(50);
  });
