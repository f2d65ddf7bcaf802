import { z } from 'zod';
import { createOrFind, expect, type DigitalOcean } from './client.ts';
import { requireOurs } from './ownership.ts';

const endpointsSchema = z.looseObject({
  addresses: z.array(z.string()).nullish(),
  tags: z.array(z.string()).nullish(),
});
const inboundSchema = z.looseObject({
  protocol: z.string(),
  ports: z.string().default(''),
  sources: endpointsSchema,
});
const firewallSchema = z.looseObject({
  id: z.string(),
  name: z.string(),
  droplet_ids: z.array(z.number()).nullish(),
  tags: z.array(z.string()).nullish(),
  inbound_rules: z.array(inboundSchema).nullish(),
  outbound_rules: z.array(z.unknown()).nullish(),
});

export type Firewall = z.infer<typeof firewallSchema>;

const EVERYWHERE = { addresses: ['0.0.0.0/0', '::/0'] };

export async function findFirewall(client: DigitalOcean, name: string): Promise<Firewall | undefined> {
  const read = (page: { page: number; per_page: number }): Promise<{ data: unknown }> =>
    client.dots.firewall.listFirewalls(page);
  return (await client.all(read, 'firewalls', firewallSchema)).find((firewall) => firewall.name === name);
}

export interface WantedFirewall {
  name: string;
  tag: string;
  port: number;
  /** The private network, for example `10.114.0.0/20`. */
  range: string;
}

/**
 * The cloud firewall in front of Redis: its port is open to the private network and to nothing else, whatever was
 * admitted meanwhile (a runner that died could not take itself out). It is bound to the tag, so make it before the
 * droplet: then the droplet is never without it.
 */
export async function ensureFirewall(
  client: DigitalOcean,
  wanted: WantedFirewall,
): Promise<{ firewall: Firewall; change: 'created' | 'changed' | 'kept' }> {
  const found = await findFirewall(client, wanted.name);
  if (found !== undefined) {
    requireOurs('firewall', wanted.name, found.tags ?? [], wanted.tag);
    if (admitsBeyond(found, wanted) === undefined) return { firewall: found, change: 'kept' };
    const shape = z.object({ firewall: firewallSchema });
    const answer = await client.request('PUT', `/firewalls/${found.id}`, shape, bodyOf(wanted));
    return { firewall: answer.firewall, change: 'changed' };
  }
  // A firewall can only name a tag that exists.
  await createOrFind(
    () => client.request('POST', '/tags', z.unknown(), { name: wanted.tag }),
    () => client.request('GET', `/tags/${encodeURIComponent(wanted.tag)}`, z.unknown()),
  );
  const firewall = await createOrFind<Firewall>(
    async () => {
      const shape = z.object({ firewall: firewallSchema });
      return (await client.request('POST', '/firewalls', shape, bodyOf(wanted))).firewall;
    },
    () => findFirewall(client, wanted.name),
  );
  return { firewall, change: 'created' };
}

/** In words how the firewall differs from what is wanted; `undefined` when it does not. */
export function admitsBeyond(firewall: Firewall, wanted: WantedFirewall): string | undefined {
  const described = rulesOf(firewall).map((rule) => {
    const { addresses, ...others } = rule.sources;
    const from = [...(addresses ?? []), ...Object.entries(others).flatMap(([kind, ids]) => named(kind, ids))];
    return { port: rule.ports, from: from.sort().join(', '), protocol: rule.protocol };
  });
  const isOurs = (rule: (typeof described)[number]): boolean =>
    rule.protocol === 'tcp' && rule.port === String(wanted.port) && rule.from === wanted.range;
  const extra = described.filter((rule) => !isOurs(rule));
  if (!described.some(isOurs)) return `it does not admit ${wanted.range} to port ${wanted.port}`;
  return extra.length === 0
    ? undefined
    : `it also admits ${extra.map(({ port, from }) => `${from} to port ${port === '' ? 'all' : port}`).join(' and ')}`;
}

function named(kind: string, ids: unknown): string[] {
  return Array.isArray(ids) && ids.length > 0 ? [`${kind} ${ids.join(', ')}`] : [];
}

function bodyOf(wanted: WantedFirewall): object {
  return {
    name: wanted.name,
    tags: [wanted.tag],
    inbound_rules: [{ protocol: 'tcp', ports: String(wanted.port), sources: { addresses: [wanted.range] } }],
    outbound_rules: [
      { protocol: 'tcp', ports: 'all', destinations: EVERYWHERE },
      { protocol: 'udp', ports: 'all', destinations: EVERYWHERE },
      { protocol: 'icmp', ports: '', destinations: EVERYWHERE },
    ],
  };
}

/** Lets this runner reach Redis for as long as a job needs it. Returns whether something was changed. */
export async function admitRunner(
  client: DigitalOcean,
  id: string,
  address: string,
  port: number,
): Promise<boolean> {
  const firewall = await readFirewall(client, id);
  if (rulesOf(firewall).some((rule) => isRunnerRule(rule, address, port))) return false;
  await client.request('POST', `/firewalls/${id}/rules`, z.unknown(), runnerRule(address, port));
  return true;
}

/** Takes the runner out again; nothing happens when it is not in. */
export async function dismissRunner(
  client: DigitalOcean,
  id: string,
  address: string,
  port: number,
): Promise<void> {
  const firewall = await readFirewall(client, id);
  if (!rulesOf(firewall).some((rule) => isRunnerRule(rule, address, port))) return;
  await client.request('DELETE', `/firewalls/${id}/rules`, z.unknown(), runnerRule(address, port));
}

function runnerRule(address: string, port: number): object {
  return { inbound_rules: [{ protocol: 'tcp', ports: String(port), sources: { addresses: [address] } }] };
}

function rulesOf(firewall: Firewall): z.infer<typeof inboundSchema>[] {
  return firewall.inbound_rules ?? [];
}

function isRunnerRule(rule: z.infer<typeof inboundSchema>, address: string, port: number): boolean {
  const addresses = rule.sources.addresses ?? [];
  return (
    rule.ports === String(port) && addresses.length === 1 && addresses[0]?.replace(/\/32$/, '') === address
  );
}

async function readFirewall(client: DigitalOcean, id: string): Promise<Firewall> {
  const answer = await client.dots.firewall.getFirewall({ firewall_id: id });
  return expect(answer, z.object({ firewall: firewallSchema }), 'GET /firewalls').firewall;
}

/** Everybody whom the firewall admits, source by source. */
export function admittedBy(firewall: Firewall): { from: string; port: string }[] {
  return rulesOf(firewall).flatMap(({ ports, sources: { addresses, ...others } }) => [
    ...(addresses ?? []).map((from) => ({ from, port: ports })),
    ...Object.entries(others)
      .flatMap(([kind, ids]) => named(kind, ids))
      .map((from) => ({ from, port: ports })),
  ]);
}
