import { isIPv4 } from 'node:net';
import type { TrustedSource } from '../../src/checks/trusted.ts';
import type { DigitalOcean } from '../../src/digitalocean/client.ts';
import { admittedBy, findFirewall } from '../../src/digitalocean/firewall.ts';
import { readTrustedSources } from '../../src/digitalocean/trusted-source.ts';

/** Whom the databases let in. */
export interface Admitted {
  sources: TrustedSource[];
  /** By the firewall of Redis; undefined without one. */
  admitted: { from: string; port: string }[] | undefined;
}

/** How often an address that only the firewall knows is looked at, and the pause between. */
const LOOKS = 5;
const PAUSE_MS = 2_000;

/**
 * Reads both lists, and once more where the firewall admits an address of which the trusted sources know nothing: a job
 * that ends between the two answers (the guard does as the cutover is over) looks as if it had left its rule behind.
 * What stays is left over.
 */
export async function readAdmitted(
  client: DigitalOcean,
  clusterId: string,
  firewallName: string,
): Promise<Admitted> {
  for (let look = 1; ; look += 1) {
    const [sources, firewall] = await Promise.all([
      readTrustedSources(client, clusterId),
      findFirewall(client, firewallName),
    ]);
    const admitted = firewall === undefined ? undefined : admittedBy(firewall);
    const alone = (admitted ?? [])
      .map(({ from }) => from.replace(/\/32$/, ''))
      .filter((address) => isIPv4(address) && !sources.some(({ value }) => value === address));
    if (look === LOOKS || alone.length === 0) return { sources, admitted };
    await client.clock.sleep(PAUSE_MS);
  }
}
