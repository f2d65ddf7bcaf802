import { findAlertPolicies, missingAlerts } from '../../src/digitalocean/alert-policy.ts';
import { findDroplet, type Droplet } from '../../src/digitalocean/droplet.ts';
import { admitsBeyond, findFirewall } from '../../src/digitalocean/firewall.ts';
import { requireOurs } from '../../src/digitalocean/ownership.ts';
import type { PlannedResources, Resource } from './resource.ts';
import type { Provisioning } from './provision.ts';

/** What Redis runs on, intended against actual; reads only. */
export const plannedRedis: PlannedResources = async (p, vpc) => {
  const { client, names, plan } = p;
  const { redis } = plan;
  if (redis === null) return [];
  const [droplet, firewall, policies] = await Promise.all([
    findDroplet(client, names.droplet, names.tag),
    findFirewall(client, names.firewall),
    findAlertPolicies(client, names.tag),
  ]);
  if (firewall !== undefined) requireOurs('firewall', names.firewall, firewall.tags ?? [], names.tag);
  const wanted = { name: names.firewall, tag: names.tag, port: redis.port, range: vpc?.range ?? '' };
  const beyond = firewall === undefined ? undefined : admitsBeyond(firewall, wanted);
  const missing = missingAlerts(policies, coresOf(redis.size));
  return [
    {
      kind: 'Firewall',
      name: names.firewall,
      change: firewall === undefined ? 'create' : beyond === undefined ? 'keep' : 'change',
      detail: `port ${redis.port}, private network only${beyond === undefined ? '' : `: ${beyond}, which is put back`}`,
      usdPerMonth: 0,
    },
    dropletLine(p, redis, droplet),
    {
      kind: 'Alert policies',
      name: names.droplet,
      change: missing.length === 0 ? 'keep' : policies.length === 0 ? 'create' : 'change',
      detail: 'memory, disk, CPU and load, to the e-mail address of the account',
      usdPerMonth: 0,
    },
  ];
};

/** A droplet is not resized here: that takes it down, and its disk cannot shrink again. */
function dropletLine(
  { names, plan, prices }: Provisioning,
  redis: NonNullable<Provisioning['plan']['redis']>,
  droplet: Droplet | undefined,
): Resource {
  const line = { kind: 'Redis droplet', name: names.droplet };
  const detail = `${redis.size} with weekly backups, TLS on port ${redis.port}`;
  if (droplet === undefined)
    return { ...line, change: 'create', detail, usdPerMonth: prices.droplet(redis.size, true) };
  const usdPerMonth = prices.droplet(droplet.size, droplet.backups);
  const differences = [
    droplet.size === redis.size
      ? []
      : [
          `it is ${droplet.size}, and the plan says ${redis.size}: resize it in the control panel, or set \`redis.size\` in migration.yml to what is there`,
        ],
    droplet.backups ? [] : ['its backups are off: turn them on in the control panel'],
    droplet.monitoring ? [] : ['monitoring is off, so no alert can fire: turn it on in the control panel'],
    droplet.datacentre === undefined || droplet.datacentre === plan.datacentre
      ? []
      : [
          `it lies in ${droplet.datacentre}, and the plan says ${plan.datacentre}: remove it and run this again`,
        ],
  ].flat();
  return differences.length === 0
    ? { ...line, change: 'keep', detail, usdPerMonth }
    : { ...line, change: 'drift', detail: differences.join('; '), usdPerMonth };
}

/** `s-2vcpu-4gb` has two. */
export function coresOf(size: string): number {
  return Number(/-(\d+)vcpu/.exec(size)?.[1] ?? 1);
}
