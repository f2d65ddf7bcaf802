import { randomBytes } from 'node:crypto';
import type { DigitalOcean } from '../src/digitalocean/client.ts';
import { createDigitalOcean } from '../src/digitalocean/client.ts';
import * as firewall from '../src/digitalocean/firewall.ts';
import type { RunnerPass } from '../src/digitalocean/runner-mark.ts';
import * as trustedSource from '../src/digitalocean/trusted-source.ts';
import { egressAddress } from '../src/github/egress.ts';
import type { Edge } from '../src/github/run.ts';
import type { Target } from '../src/migration/target.ts';

const HOUR_MS = 3_600_000;
/** GitHub ends a job on a machine of its own after six hours, and on one of yours after five days. */
const LONGEST_JOB_MS = { hosted: 6 * HOUR_MS, own: 5 * 24 * HOUR_MS };

/**
 * Lets this runner reach the new side's databases for as long as the job lasts; `dismissRunner` takes it back.
 *
 * @returns `lookAgain` looks whether it is still let in, and lets it in again when a job that began or ended in the same
 *   moment has written over it: DigitalOcean's list is replaced as a whole, and whoever wrote last cannot know of it
 */
export async function admitRunner(
  edge: Edge,
  client: DigitalOcean,
  target: Target,
): Promise<{ pass: RunnerPass; lookAgain: () => Promise<void> }> {
  const { redis } = target;
  // Saved before the change, so that the post step knows of it however the job ends.
  if (redis !== undefined) {
    edge.saveState('firewall', redis.firewallId);
    edge.saveState('redis-port', String(redis.port));
  }
  const { pass, swept } = await admitToCluster(edge, client, target.clusterId);
  if (redis !== undefined) {
    for (const stale of swept) await firewall.dismissRunner(client, redis.firewallId, stale, redis.port);
    if (await firewall.admitRunner(client, redis.firewallId, pass.address, redis.port))
      edge.log.info(`Let this runner (${pass.address}) reach the new Redis for this job.`);
  }
  const lookAgain = async (): Promise<void> => {
    const { added } = await trustedSource.admitRunner(client, target.clusterId, pass);
    if (redis !== undefined) await firewall.admitRunner(client, redis.firewallId, pass.address, redis.port);
    if (added)
      edge.log.info(
        `Let this runner (${pass.address}) in again: another job had written over the trusted sources.`,
      );
  };
  return { pass, lookAgain };
}

const LOOK_AGAIN_MS = 1000;

/** Opens what this runner has just been let in to, and looks again until it is open and once more then. */
export async function openAsAdmitted<T>(
  edge: Edge,
  lookAgain: () => Promise<void>,
  open: () => Promise<T>,
): Promise<T> {
  const opened = new AbortController();
  const opening = open().finally(() => opened.abort());
  const looking = async (): Promise<void> => {
    for (;;) {
      await edge.clock.sleep(LOOK_AGAIN_MS, opened.signal).catch(() => undefined);
      await lookAgain();
      if (opened.signal.aborted) return;
    }
  };
  const [value] = await Promise.all([opening, looking()]);
  return value;
}

/**
 * Lets this runner reach the cluster, under a mark that names the job and says when it is over at the latest: the next
 * job takes out what a killed one has left.
 *
 * @param always what must be trusted beside it, such as the private network
 */
export async function admitToCluster(
  edge: Edge,
  client: DigitalOcean,
  clusterId: string,
  always: readonly trustedSource.NewRule[] = [],
): Promise<{ pass: RunnerPass; swept: string[] }> {
  const address = await egressAddress(edge.inputs.url('egress-url'), edge.signal);
  const pass = passFor(edge, address);
  edge.saveState('runner-address', address);
  edge.saveState('runner-holder', pass.holder);
  edge.saveState('cluster', clusterId);
  const { added, marked, swept } = await trustedSource.admitRunner(client, clusterId, pass, always);
  if (swept.length > 0)
    edge.log.warning(
      `Took out of the trusted sources what jobs that were killed had left: ${swept.join(', ')}.`,
    );
  if (added) {
    edge.log.info(`Let this runner (${address}) reach the new cluster for this job.`);
    if (!marked) {
      edge.saveState('runner-unmarked', 'true');
      edge.log.warning(
        `DigitalOcean did not keep the description of the trusted source ${address}: if this job is killed, remove the address by hand.`,
      );
    }
    const apps = await trustedSource.trustedApps(client, clusterId);
    if (apps.length > 0)
      edge.log.warning(
        `The trusted sources of the cluster name apps (${apps.join(', ')}): DigitalOcean deploys them again whenever the list changes, ` +
          'as it does with every job. The private network is trusted, so such a rule is not needed.',
      );
  }
  return { pass, swept };
}

/** The lease says that a run was killed: its address need not stay until its time is up. */
export async function sweepDeadRun(
  edge: Edge,
  client: DigitalOcean,
  target: Target,
  dead: { runId: string; runAttempt: number },
): Promise<void> {
  // Earlier attempts of this very run are swept when its address is let in, and its own must stay.
  if (dead.runId === edge.environment.runId) return;
  await closeTo(await trustedSource.sweepDeadRun(client, target.clusterId, dead), edge, client, target);
}

/** Other jobs of this very run that died: nobody else could take them out before their time is up. */
export async function sweepDeadJobs(
  edge: Edge,
  client: DigitalOcean,
  target: Target,
  dead: readonly string[],
): Promise<void> {
  if (dead.length === 0) return;
  await closeTo(await trustedSource.sweepDeadJobs(client, target.clusterId, dead), edge, client, target);
}

async function closeTo(
  swept: readonly string[],
  edge: Edge,
  client: DigitalOcean,
  { redis }: Target,
): Promise<void> {
  if (swept.length === 0) return;
  edge.log.warning(`Took out of the trusted sources what a killed job had left: ${swept.join(', ')}.`);
  if (redis === undefined) return;
  for (const stale of swept) await firewall.dismissRunner(client, redis.firewallId, stale, redis.port);
}

function passFor({ environment, clock }: Edge, address: string): RunnerPass {
  const { runId, runAttempt, onHostedRunner } = environment;
  const longest = onHostedRunner ? LONGEST_JOB_MS.hosted : LONGEST_JOB_MS.own;
  return {
    address,
    holder: `${runId}.${runAttempt}.${randomBytes(2).toString('hex')}`,
    until: new Date(clock.now().getTime() + longest),
  };
}

/**
 * The post step: runs also when the job failed or was cancelled. Rules of the Redis firewall carry no mark, so the
 * cluster's mark speaks for both: while another job holds the address, neither is closed to it. Redis comes first; where
 * it fails the mark stays, and by it the next job takes the address out of both.
 */
export async function dismissRunner(edge: Edge): Promise<void> {
  const address = edge.getState('runner-address');
  if (address === '') return;
  // The job's own signal may be aborted already, and this must still be done.
  const client = createDigitalOcean({
    token: edge.inputs.secret('digitalocean-token'),
    apiUrl: edge.inputs.url('digitalocean-api-url'),
    log: edge.log,
    clock: edge.clock,
    redact: (text) => edge.redact(text),
  });
  const cluster = edge.getState('cluster');
  const pass = { address, holder: edge.getState('runner-holder') };
  const redis = { firewall: edge.getState('firewall'), port: Number(edge.getState('redis-port')) };
  const closesRedis = redis.firewall !== '' && !(await trustedSource.isHeldByAnother(client, cluster, pass));
  if (closesRedis) await firewall.dismissRunner(client, redis.firewall, address, redis.port);
  const unmarked = edge.getState('runner-unmarked') === 'true';
  if (!(await trustedSource.dismissRunner(client, cluster, pass, unmarked))) {
    // Who held it a moment ago has gone meanwhile, and saw us still there: nobody else closes Redis.
    if (redis.firewall !== '' && !closesRedis) {
      await firewall.dismissRunner(client, redis.firewall, address, redis.port);
      if (await trustedSource.isHeldByAnother(client, cluster, pass))
        await firewall.admitRunner(client, redis.firewall, address, redis.port);
    }
    edge.log.info(`The new databases are closed to this runner (${address}) again.`);
    return;
  }
  // It may have begun in this moment, and have found the rule that has just gone.
  if (closesRedis) await firewall.admitRunner(client, redis.firewall, address, redis.port);
  edge.log.info(
    `Another job behind this runner's address (${address}) is at work: it closes the new databases.`,
  );
}
