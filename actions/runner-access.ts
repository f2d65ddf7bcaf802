import type { DigitalOcean } from '../src/digitalocean/client.ts';
import { createDigitalOcean } from '../src/digitalocean/client.ts';
import * as firewall from '../src/digitalocean/firewall.ts';
import { LONGEST_MOVE_MS, MoveAtWorkError } from '../src/digitalocean/move-at-work.ts';
import type { Errand, RunnerPass } from '../src/digitalocean/runner-mark.ts';
import * as trustedSource from '../src/digitalocean/trusted-source.ts';
import { egressAddress } from '../src/github/egress.ts';
import type { Edge } from '../src/github/run.ts';
import type { Target } from '../src/migration/target.ts';

const HOUR_MS = 3_600_000;
/** GitHub ends a job on a machine of its own after six hours, and on one of yours after five days. */
const LONGEST_JOB_MS = { hosted: 6 * HOUR_MS, own: 5 * 24 * HOUR_MS };

/**
 * Lets this runner reach the new side's databases for as long as the job lasts; `dismissRunner` takes it back. A visit
 * throws a MoveAtWorkError, with nothing touched, while a cutover or roll-back of another run is at work.
 *
 * @returns `lookAgain` looks whether it is still let in, and lets it in again when a job that began or ended in the same
 *   moment has written over it: DigitalOcean's list is replaced as a whole, and whoever wrote last cannot know of it
 */
export async function admitRunner(
  edge: Edge,
  client: DigitalOcean,
  target: Target,
  errand: Errand = 'visit',
): Promise<{ pass: RunnerPass; lookAgain: () => Promise<void>; leave: () => Promise<void> }> {
  const { redis } = target;
  // Saved before the change, so that the post step knows of it however the job ends.
  if (redis !== undefined) {
    edge.saveState('firewall', redis.firewallId);
    edge.saveState('redis-port', String(redis.port));
  }
  const { pass, swept } = await admitToCluster(edge, client, target.clusterId, { errand });
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
  const leave = (): Promise<void> =>
    dismiss(edge, client, {
      ...{ cluster: target.clusterId, pass, unmarked: false },
      redis: redis === undefined ? undefined : { firewall: redis.firewallId, port: redis.port },
    });
  return { pass, lookAgain, leave };
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
 * job takes out what a killed one has left. A visit throws a MoveAtWorkError as `admitRunner` does.
 *
 * @param always what must be trusted beside it, such as the private network
 */
export async function admitToCluster(
  edge: Edge,
  client: DigitalOcean,
  clusterId: string,
  { errand = 'visit', always = [] }: { errand?: Errand; always?: readonly trustedSource.NewRule[] } = {},
): Promise<{ pass: RunnerPass; swept: string[] }> {
  const address = await egressAddress(edge.inputs.url('egress-url'), edge.signal);
  const pass = passFor(edge, address, errand);
  edge.saveState('runner-address', address);
  edge.saveState('runner-holder', pass.holder);
  edge.saveState('cluster', clusterId);
  const { added, marked, told, swept } = await trustedSource
    .admitRunner(client, clusterId, pass, always)
    .catch(async (error: unknown) => {
      // It came in the same moment: the move waits until this one has gone.
      if (error instanceof MoveAtWorkError) await trustedSource.dismissRunner(client, clusterId, pass);
      throw error;
    });
  if (swept.length > 0)
    edge.log.warning(
      `Took out of the trusted sources what jobs that were killed had left: ${swept.join(', ')}.`,
    );
  if (!told && errand !== 'visit' && errand !== 'guard')
    edge.log.warning(
      `The trusted sources tell nobody of this ${errand}: DigitalOcean keeps no description of ${address}, or the address is your own and ` +
        'no rule for the private network is there. Turn the schedule of catch-up.yml off until it is over: it would change the list in the middle of it.',
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

/** Jobs that are known to be dead, by their passes: their addresses need not stay until their time is up. */
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

/** The name by which a job of this process is let in. */
export function passOf(
  { runId, runAttempt, process }: Edge['environment'],
  errand: Errand = 'visit',
): string {
  return [runId, runAttempt, process, ...(errand === 'visit' ? [] : [errand])].join('.');
}

function passFor({ environment, clock }: Edge, address: string, errand: Errand): RunnerPass {
  const { onHostedRunner } = environment;
  const isMove = errand === 'cutover' || errand === 'roll-back';
  const longest = onHostedRunner ? LONGEST_JOB_MS.hosted : LONGEST_JOB_MS.own;
  return {
    address,
    holder: passOf(environment, errand),
    until: new Date(clock.now().getTime() + (isMove ? LONGEST_MOVE_MS : longest)),
  };
}

/** The post step: runs also when the job failed or was cancelled. */
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
  const redis = { firewall: edge.getState('firewall'), port: Number(edge.getState('redis-port')) };
  await dismiss(edge, client, {
    cluster: edge.getState('cluster'),
    pass: { address, holder: edge.getState('runner-holder') },
    unmarked: edge.getState('runner-unmarked') === 'true',
    redis: redis.firewall === '' ? undefined : redis,
  });
}

/**
 * Rules of the Redis firewall carry no mark, so the cluster's mark speaks for both: while another job holds the address,
 * neither is closed to it. Redis comes first; where it fails the mark stays, and by it the next job takes the address
 * out of both.
 */
async function dismiss(
  edge: Edge,
  client: DigitalOcean,
  admitted: {
    cluster: string;
    pass: Pick<RunnerPass, 'address' | 'holder'>;
    unmarked: boolean;
    redis: { firewall: string; port: number } | undefined;
  },
): Promise<void> {
  const { cluster, pass, unmarked, redis } = admitted;
  const { address } = pass;
  const closesRedis = !(await trustedSource.isHeldByAnother(client, cluster, pass));
  if (redis !== undefined && closesRedis)
    await firewall.dismissRunner(client, redis.firewall, address, redis.port);
  if (!(await trustedSource.dismissRunner(client, cluster, pass, unmarked))) {
    // Who held it a moment ago has gone meanwhile, and saw us still there: nobody else closes Redis.
    if (redis !== undefined && !closesRedis) {
      await firewall.dismissRunner(client, redis.firewall, address, redis.port);
      if (await trustedSource.isHeldByAnother(client, cluster, pass))
        await firewall.admitRunner(client, redis.firewall, address, redis.port);
    }
    edge.log.info(`The new databases are closed to this runner (${address}) again.`);
    return;
  }
  // It may have begun in this moment, and have found the rule that has just gone.
  if (redis !== undefined && closesRedis)
    await firewall.admitRunner(client, redis.firewall, address, redis.port);
  edge.log.info(
    `Another job behind this runner's address (${address}) is at work: it closes the new databases.`,
  );
}
