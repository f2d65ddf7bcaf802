import { tlsOnly } from '../../src/checks/plain-http.ts';
import { accessChecks } from '../../src/checks/trusted.ts';
import type { Check } from '../../src/checks/result.ts';
import { findVpc } from '../../src/digitalocean/vpc.ts';
import { targetNames } from '../../src/migration/names.ts';
import { openWatch } from '../../src/migration/watch.ts';
import type { Parties } from '../parties.ts';
import type { SeenFromOutside } from './outside.ts';

/** Who may reach what, and that nothing is served without TLS. */
export async function securityChecks(
  parties: Parties,
  outside: SeenFromOutside,
  { runId, moved }: { runId: string; moved: boolean },
): Promise<Check[]> {
  const { subject, newSide, clock } = parties;
  const { environment, config } = subject;
  const names = targetNames(environment.migrationId, config.application);
  const ingress = await newSide.ingressHost();
  const [vpc, holder, ...plain] = await Promise.all([
    findVpc(newSide.client, names.vpc),
    runAtWork(parties),
    ...[ingress, ...(moved ? environment.domains : [])].map((host) => tlsOnly(host)),
  ]);
  return [
    ...outside.checks,
    ...accessChecks({
      cluster: outside.cluster,
      redis: outside.redis,
      redisPort: config.redis.port,
      // Without a network of its own nothing is known to be private.
      range: vpc?.range ?? '',
      runsAtWork: [runId, ...(holder === undefined ? [] : [holder])],
      now: clock.now(),
    }),
    ...plain,
  ];
}

/** The run that holds the lease: its address may be let in, too. */
async function runAtWork({ newSide, subject }: Parties): Promise<string | undefined> {
  const watch = await openWatch(newSide.journal, subject.environment.migrationId);
  try {
    const { lease, holder } = await watch.look();
    return lease === 'held' ? holder?.runId : undefined;
  } finally {
    await watch.close();
  }
}
