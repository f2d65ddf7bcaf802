import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { seededRandom } from '../../rehearsal/load/random.ts';
import { addSection, readRecord, writeRecord } from '../../src/migration/record.ts';
import { testInFull } from '../support/or-skipped.ts';
import { DIGITALOCEAN_TOKEN, IMAGE, startSides, type PhaseRun, type Sides } from './played-sides.ts';
import type { EntryOptions } from './run-entry.ts';

// A runner that dies (SIGKILL, so that no post step runs) anywhere in either stage.

let sides: Sides;
let untouched: Record<string, string[]>;
let attempt = 0;

beforeAll(async () => {
  sides = await startSides({ requestsPerMinute: 20_000 });
  expect((await sides.runPhase('assess')).code).toBe(0);
  // The first network of a datacentre becomes its default, which nobody can delete.
  const network = await fetch(`${sides.digitalOcean.apiUrl}/v2/vpcs`, {
    method: 'POST',
    headers: { authorization: `Bearer ${DIGITALOCEAN_TOKEN}` },
    body: JSON.stringify({ name: 'default-fra1', region: 'fra1' }),
  });
  expect(network.status).toBe(201);
  untouched = await everything();
});
afterAll(() => sides.stop());

/** Every run is a later attempt of the same one, as "Re-run failed jobs" makes it. */
function provision(inputs: Record<string, string>, fate?: EntryOptions['fate']): Promise<PhaseRun> {
  attempt += 1;
  return sides.runPhase('provision', inputs, { GITHUB_RUN_ATTEMPT: String(attempt) }, fate);
}
const infrastructure = { stage: 'infrastructure' };
const application = { stage: 'application', image: IMAGE };
const destroy = { command: 'destroy', confirm: 'staging' };

async function everything(): Promise<Record<string, string[]>> {
  const lists = {
    vpcs: '/vpcs',
    databases: '/databases',
    droplets: '/droplets',
    firewalls: '/firewalls',
    tags: '/tags',
    apps: '/apps',
    policies: '/monitoring/alerts',
    domain_records: '/domains/example.com/records',
  };
  const entries = await Promise.all(
    Object.entries(lists).map(async ([kind, path]) => {
      const response = await fetch(`${sides.digitalOcean.apiUrl}/v2${path}?per_page=200`, {
        headers: { authorization: `Bearer ${DIGITALOCEAN_TOKEN}` },
      });
      const found = ((await response.json()) as Record<string, Record<string, unknown>[] | null>)[kind] ?? [];
      const told = found.map(({ name, description, spec, type, data, ttl }) =>
        JSON.stringify([
          ...[name, description, (spec as { name?: string } | undefined)?.name, type, ttl],
          // Another app is proven by another text.
          type === 'TXT' ? 'a text' : data,
        ]),
      );
      return [kind, told.sort()] as const;
    }),
  );
  return Object.fromEntries(entries);
}

async function recordCopy(): Promise<void> {
  const path = join(sides.directory, 'migration-record.json');
  const at = new Date();
  const run = {
    runId: '1',
    runAttempt: 1,
    actor: 'ada',
    runUrl: 'https://github.com/acme/shop/actions/runs/1',
  };
  const data = { command: 'copy', outcome: 'copied', changed: true };
  await writeRecord(path, addSection(await readRecord(path), 'migrate-db', { at, run, data }));
}

async function nothingIsLeft(): Promise<void> {
  const gone = await provision(destroy);
  expect(gone.log).not.toContain('::error');
  expect(gone.code).toBe(0);
  expect(await everything()).toEqual(untouched);
}

test('a runner that dies while the cluster is made leaves nothing that a removal does not find', async () => {
  const died = await provision(infrastructure, { at: /^VPC .*: created/m, signal: 'SIGKILL' });
  expect(died.code).toBeNull();
  expect(await everything()).not.toEqual(untouched);
  await nothingIsLeft();
});

testInFull(
  'wherever it dies, a re-run goes on to the same end, and everything can be taken away',
  async () => {
    const seed = Number(process.env.TEST_SEED ?? Date.now() % 1_000_000);
    const random = seededRandom(seed);
    const told = `TEST_SEED=${seed}`;
    const timed = async (inputs: Record<string, string>): Promise<number> => {
      const started = performance.now();
      expect({ told, code: (await provision(inputs)).code }).toEqual({ told, code: 0 });
      return performance.now() - started;
    };
    const longest = { infrastructure: await timed(infrastructure), application: 0 };
    await recordCopy();
    longest.application = await timed(application);
    const complete = await everything();
    await nothingIsLeft();

    for (let round = 1; round <= 3; round += 1) {
      const kill = async (
        stage: 'infrastructure' | 'application',
        inputs: Record<string, string>,
      ): Promise<void> => {
        // Not before it has begun: Node alone takes some tenths of a second.
        const at = 300 + random() * longest[stage];
        const { code } = await provision(inputs, { at, signal: 'SIGKILL' });
        process.stderr.write(
          `${told}, round ${round}: ${stage} after ${Math.round(at)} ms: ${code ?? 'killed'}\n`,
        );
      };
      await kill('infrastructure', infrastructure);
      // The second time in what is half there.
      await kill('infrastructure', infrastructure);
      if (round === 3) {
        await nothingIsLeft();
        continue;
      }
      await timed(infrastructure);
      await recordCopy();
      await kill('application', application);
      if (round === 2) {
        await nothingIsLeft();
        continue;
      }
      await timed(application);
      expect({ told, there: await everything() }).toEqual({ told, there: complete });
      expect((await provision(application)).outputs).toMatchObject({ outcome: 'unchanged' });
      await nothingIsLeft();
    }
  },
  600_000,
);
