import { setTimeout as delay } from 'node:timers/promises';
import { EGRESS_ADDRESS, type EnvironmentName, type World } from './world.ts';

/** Reads DigitalOcean's API as the operator would. */
async function read<T>({ digitalOcean, tokens }: World, path: string): Promise<T> {
  const response = await fetch(`${digitalOcean.apiUrl}/v2${path}`, {
    headers: { authorization: `Bearer ${tokens.digitalOcean}` },
  });
  if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

/** Where the runner's address still stands in DigitalOcean's lists. */
export async function accessOfTheRunner(world: World): Promise<string[]> {
  const lists = await Promise.all([
    read(world, '/firewalls'),
    ...world.digitalOcean.clusters().map(({ id }) => read(world, `/databases/${id}/firewall`)),
  ]);
  return lists.map((list) => JSON.stringify(list)).filter((text) => text.includes(EGRESS_ADDRESS));
}

/** How long a server may take to notice that who was connected is gone. */
const NOTICING_MS = 10_000;

/** Sessions of the actions on either database, when no job is running. The forwarder's own stay for as long as it serves. */
export async function sessionsOfActions(world: World, environment: EnvironmentName): Promise<string[]> {
  const side = world.oldSides.get(environment);
  const cluster = world.digitalOcean.clusters().find(({ name }) => name === `shop-${environment}`);
  const ours = `select application_name as name, state from pg_stat_activity 
    where application_name like 'h2d%' and application_name <> 'h2d front-door'`;
  type Session = { name: string; state: string };
  const deadline = Date.now() + NOTICING_MS;
  for (;;) {
    const [old = [], young = []] = await Promise.all([
      side?.postgres.query<Session>(`d${environment}`, ours),
      cluster?.query<Session>('postgres', ours),
    ]);
    const found = [
      ...old.map(({ name, state }) => `${name} (${state}) on the source`),
      ...young.map(({ name, state }) => `${name} (${state}) on the new cluster`),
    ];
    if (found.length === 0 || Date.now() > deadline) return found;
    await delay(250);
  }
}

interface Named {
  name?: string;
  spec?: { name: string };
}

const KINDS = ['vpcs', 'databases', 'droplets', 'firewalls', 'tags', 'apps', 'projects', 'domains'] as const;

/** `vpcs shop-staging`, `droplets shop-staging-redis` … and what is within clusters and zones: all that the account holds. */
export async function everythingInTheAccount(world: World): Promise<string[]> {
  const lists = await Promise.all(
    KINDS.map(async (kind) => {
      const answer = await read<Record<string, Named[]>>(world, `/${kind}?per_page=200`);
      return (answer[kind] ?? []).map(({ name, spec }) => `${kind} ${name ?? spec?.name ?? ''}`);
    }),
  );
  const inClusters = await Promise.all(
    world.digitalOcean.clusters().map(async ({ id, name: cluster }) => {
      const { dbs } = await read<{ dbs: Named[] }>(world, `/databases/${id}/dbs`);
      const { users } = await read<{ users: Named[] }>(world, `/databases/${id}/users`);
      return [
        ...dbs.map(({ name = '' }) => `database ${name} of ${cluster}`),
        ...users.map(({ name = '' }) => `user ${name} of ${cluster}`),
      ];
    }),
  );
  const { domains } = await read<{ domains: Named[] }>(world, '/domains?per_page=200');
  const inZones = await Promise.all(
    domains.map(async ({ name: zone = '' }) => {
      const answer = await read<{ domain_records: { type: string; name: string; data: string }[] }>(
        world,
        `/domains/${zone}/records?per_page=200`,
      );
      return answer.domain_records.map(({ type, name, data }) => `record ${type} ${name} ${data} of ${zone}`);
    }),
  );
  const { policies } = await read<{ policies: { description: string }[] }>(
    world,
    '/monitoring/alerts?per_page=200',
  );
  const alerts = policies.map(({ description }) => `alert ${description}`);
  return [...lists, ...inClusters, ...inZones, alerts].flat().sort();
}

/** What is there twice, or belongs to nobody: paid for, and never found again. `before`: what the account held at first. */
export function orphansAmong(held: readonly string[], before: readonly string[]): string[] {
  const own = new Set(before);
  const strange = held.filter((one) => !own.has(one) && !EXPECTED.some((pattern) => pattern.test(one)));
  const doubled = [...Map.groupBy(held, (one) => one)].filter(([, all]) => all.length > 1);
  return [
    ...strange.map((one) => `${one} belongs to nobody`),
    ...doubled.map(([one, all]) => `${one} is there ${all.length} times`),
  ];
}

const MIGRATION = '(shop-staging|shop-production)';
const EXPECTED = [
  new RegExp(`^(vpcs|databases|apps|projects) ${MIGRATION}$`),
  new RegExp(`^(droplets|firewalls) ${MIGRATION}-redis$`),
  new RegExp(`^alert ${MIGRATION}(-redis)?: `),
  new RegExp(`^tags heroku-to-digitalocean:${MIGRATION}$`),
  /^tags heroku-to-digitalocean:shop:registry:acme:\d+$/,
  new RegExp(`^database (defaultdb|shop|migration_journal) of ${MIGRATION}$`),
  // Names lead elsewhere afterwards; only the same record twice is one too many.
  /^record /,
  new RegExp(`^user (doadmin|shop) of ${MIGRATION}$`),
];
