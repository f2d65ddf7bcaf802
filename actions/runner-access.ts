import type { DigitalOcean } from '../src/digitalocean/client.ts';
import { createDigitalOcean } from '../src/digitalocean/client.ts';
import * as firewall from '../src/digitalocean/firewall.ts';
import * as trustedSource from '../src/digitalocean/trusted-source.ts';
import { egressAddress } from '../src/github/egress.ts';
import type { Edge } from '../src/github/run.ts';
import type { Target } from '../src/migration/target.ts';

/** Lets this runner reach the new side's databases for as long as the job lasts; `dismissRunner` takes it back. */
export async function admitRunner(edge: Edge, client: DigitalOcean, target: Target): Promise<void> {
  const address = await egressAddress(edge.inputs.url('egress-url'), edge.signal);
  // Saved before the change, so that the post step knows of it however the job ends.
  edge.saveState('runner-address', address);
  edge.saveState('cluster', target.clusterId);
  if (target.redis !== undefined) {
    edge.saveState('firewall', target.redis.firewallId);
    edge.saveState('redis-port', String(target.redis.port));
  }
  const changed = [await trustedSource.admitRunner(client, target.clusterId, address)];
  if (target.redis !== undefined) {
    changed.push(await firewall.admitRunner(client, target.redis.firewallId, address, target.redis.port));
  }
  if (changed.includes(true))
    edge.log.info(`Let this runner (${address}) reach the new databases for this job.`);
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
  });
  const firewallId = edge.getState('firewall');
  const results = await Promise.allSettled([
    trustedSource.dismissRunner(client, edge.getState('cluster'), address),
    firewallId === ''
      ? Promise.resolve()
      : firewall.dismissRunner(client, firewallId, address, Number(edge.getState('redis-port'))),
  ]);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  edge.log.info(`The new databases are closed to this runner (${address}) again.`);
}
