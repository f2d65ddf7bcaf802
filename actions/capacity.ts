import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { z } from 'zod';

import { capacityChecks } from '../src/checks/capacity.ts';
import type { Check } from '../src/checks/result.ts';
import { judged } from '../src/checks/result.ts';
import { componentName } from '../src/digitalocean/app-spec.ts';
import { messageOf } from '../src/errors.ts';
import type { Edge } from '../src/github/run.ts';
import { readConfigVars } from '../src/heroku/config-vars.ts';
import { connectionCheck } from '../src/migration/connection-sum.ts';
import { withoutSecrets } from '../src/migration/no-secrets.ts';
import { latestSection } from '../src/migration/record.ts';
import { compareCapacity } from '../src/postgres/capacity.ts';
import { withConnection } from '../src/postgres/connect.ts';
import { countConnections, readConnectionLimit } from '../src/postgres/connection-limit.ts';
import type { PoolFacts } from '../src/repository/pools.ts';
import { readRepository } from '../src/repository/read-repository.ts';
import type { Parties } from './parties.ts';

const planned = z.object({
  plan: z.object({
    components: z.array(z.object({ name: z.string(), kind: z.string(), count: z.number() })),
  }),
});

/**
 * Whether the new side will bear what the old one bears: its most expensive reads on both sides, and all connections
 * together against the cluster's limit. While Heroku serves; it reads on both sides and changes nothing.
 */
export async function checkCapacity(
  edge: Pick<Edge, 'environment' | 'redact'>,
  parties: Parties,
): Promise<Check[]> {
  const { log, signal } = parties;
  return log.group('Capacity of the new side', async () => {
    const checks = await lookAt(edge.environment.workspace, parties).catch((error: unknown): Check[] => {
      signal.throwIfAborted();
      // The copy is there all the same; what could not be looked at is no pass.
      return [
        judged('capacity/reads', 'capacity', 'The new side bears what the old one bears', {
          passed: false,
          found: `it could not be looked at: ${messageOf(error)}`,
          remedy: 'Run it again.',
        }),
      ];
    });
    const shown = checks.map((check) => ({
      ...check,
      what: withoutSecrets(edge.redact(check.what)),
      found: withoutSecrets(edge.redact(check.found)),
    }));
    for (const { state, what, found } of shown)
      log.info(`${state === 'failed' ? 'NOT OK' : 'ok'}  ${what}: ${found}`);
    return shown;
  });
}

async function lookAt(workspace: string, parties: Parties): Promise<Check[]> {
  const { subject, oldSide, newSide, log, clock, signal } = parties;
  const { capacity } = subject.config;
  const report =
    capacity.statements === 0
      ? NOTHING
      : await compareCapacity({
          ...{ ...capacity, log, clock, signal },
          source: oldSide.database,
          target: newSide.owner,
        });
  return [...capacityChecks(report, capacity), await connectionBudget(workspace, parties)];
}

const NOTHING = {
  ...{ known: false, compared: [], left: [], warmed: null, unanalyzed: [], smaller: [], milliseconds: 0 },
};

/** All connection pools together against the cluster's limit; `workspace` has the checkout, which tells the pools. */
export async function connectionBudget(
  workspace: string,
  { subject, oldSide, newSide, signal }: Pick<Parties, 'subject' | 'oldSide' | 'newSide' | 'signal'>,
): Promise<Check> {
  const pools = await poolsIn(workspace);
  const session = { applicationName: 'h2d capacity', signal };
  const [limit, open, values] = await Promise.all([
    withConnection(newSide.owner, session, readConnectionLimit),
    withConnection(oldSide.database, session, countConnections),
    numbersOf(pools, () => readConfigVars(oldSide.heroku, oldSide.app)),
  ]);
  const components = latestSection(subject.record, 'assess', planned)?.plan.components ?? [];
  return connectionCheck({
    processes: components
      .filter(({ kind }) => kind === 'service' || kind === 'worker')
      .map(({ name, count }) => ({ name, instances: count })),
    pools: pools.map((pool) => ({ ...pool, process: componentName(pool.process) })),
    ...{ values, limit, open },
    pool: subject.config.postgres.pool,
  });
}

/** Of the config vars only those that decide a pool, and only their numbers. */
async function numbersOf(
  pools: readonly PoolFacts[],
  read: () => Promise<Record<string, string>>,
): Promise<Record<string, number>> {
  const names = new Set(pools.flatMap(({ variables }) => variables));
  if (names.size === 0) return {};
  return Object.fromEntries(
    Object.entries(await read()).flatMap(([name, value]) =>
      names.has(name) && /^\d{1,4}$/.test(value.trim()) ? [[name, Number(value)]] : [],
    ),
  );
}

/** What the checkout tells; nothing where there is none that can be read. */
async function poolsIn(workspace: string): Promise<PoolFacts[]> {
  // What is no application's directory may be anything, and large.
  if (!existsSync(join(workspace, 'Procfile'))) return [];
  try {
    return (await readRepository(workspace)).pools;
  } catch {
    return [];
  }
}
