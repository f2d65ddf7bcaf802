import { isIPv4 } from 'node:net';

import { publicListener } from '../../src/checks/listener.ts';
import type { Check } from '../../src/checks/result.ts';
import type { TrustedSource } from '../../src/checks/trusted.ts';
import { findCluster } from '../../src/digitalocean/cluster.ts';
import { findDroplet } from '../../src/digitalocean/droplet.ts';
import { egressAddress } from '../../src/github/egress.ts';
import type { Edge } from '../../src/github/run.ts';
import { targetNames } from '../../src/migration/names.ts';
import { digitalOceanOf } from '../parties.ts';
import type { Subject } from '../subject.ts';
import { readAdmitted } from './admitted.ts';

/** What somebody who is not trusted sees of the new databases, and whom they trust: as it was before this run came. */
export interface SeenFromOutside {
  checks: Check[];
  cluster: TrustedSource[];
  redis: { from: string; port: string }[] | undefined;
}

/**
 * Tries the public listeners before this runner is let in, and reads who is: afterwards its own address is among them,
 * and what a killed job had left has been swept.
 */
export async function lookFromOutside(edge: Edge, subject: Subject): Promise<SeenFromOutside> {
  const { environment, config } = subject;
  const client = digitalOceanOf(edge);
  const names = targetNames(environment.migrationId, config.application);
  const cluster = await findCluster(client, names.cluster);
  // Nothing is there yet: whoever gathers the sides says so.
  if (cluster === undefined) return { checks: [], cluster: [], redis: undefined };
  const [address, droplet, { sources, admitted }] = await Promise.all([
    egressAddress(edge.inputs.url('egress-url'), edge.signal),
    findDroplet(client, names.droplet, names.tag),
    readAdmitted(client, cluster.id, names.firewall),
  ]);
  const checks: Promise<Check>[] = [];
  if (cluster.connection != null) {
    checks.push(publicListener({ kind: 'postgres', ...cluster.connection }, reasonFor(sources, address)));
  }
  if (droplet?.publicAddress !== undefined) {
    const { port } = config.redis;
    const isIn = (admitted ?? []).some((rule) => rule.port === String(port) && covers(rule.from, address));
    checks.push(
      publicListener(
        { kind: 'redis', host: droplet.publicAddress, port },
        isIn && !(admitted ?? []).some(({ from }) => from.endsWith('/0'))
          ? `the firewall admits ${address}, from which this run comes`
          : undefined,
      ),
    );
  }
  return { checks: await Promise.all(checks), cluster: sources, redis: admitted };
}

/** Why this run's address is let in already; a list that lets in everybody is what is to be found. */
function reasonFor(sources: readonly TrustedSource[], address: string): string | undefined {
  const rule = sources.find(
    ({ type, value }) => type === 'ip_addr' && !value.endsWith('/0') && covers(value, address),
  );
  if (rule === undefined) return undefined;
  return rule.holders === undefined
    ? `you trust ${rule.value}, from which this run comes`
    : `another job behind ${address} is at work, or has left it`;
}

/** Whether a range (`10.0.0.0/8`, or one address) holds an address. */
function covers(range: string, address: string): boolean {
  const [base = '', bits = '32'] = range.split('/');
  if (!isIPv4(base) || !isIPv4(address)) return false;
  const number = (text: string): number => text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const size = 2 ** (32 - Number(bits));
  return Math.floor(number(base) / size) === Math.floor(number(address) / size);
}
