import { z } from 'zod';
import { deleteApp, listApps, type App } from '../../src/digitalocean/app.ts';
import { orUndefined } from '../../src/digitalocean/client.ts';
import type { DnsProvider } from '../../src/dns/provider.ts';
import { listVpcs, removeVpc } from '../../src/digitalocean/vpc.ts';
import { waitFor } from '../../src/digitalocean/wait.ts';
import { isOwnApp, OWNER_VARIABLE } from './app-mark.ts';
import { ownedPostgres } from './owned-postgres.ts';
import { ownedRedis } from './owned-redis.ts';
import { ownedRegistry, type ImageOwner } from './owned-registry.ts';
import type { Owned, Ownership } from './resource.ts';

/** Where else to look than at DigitalOcean's lists: the zone in which domains were proven, and what was pushed. */
export interface OwnedElsewhere {
  dns: DnsProvider | undefined;
  /** `undefined` for a throw-away target, which has no image. */
  images: ImageOwner | undefined;
}

/**
 * Everything that carries the mark of this migration, in the order in which it can be removed: what uses something
 * before what it uses, the cluster with the journal late, the network, images and tags last; and, in words, what of it
 * stays and why. Reads only.
 */
export async function everythingOwned(
  ownership: Ownership,
  { dns, images }: OwnedElsewhere,
): Promise<{ owned: Owned[]; left: string[] }> {
  const [apps, redis, postgres, networks, registry, tags] = await Promise.all([
    ownedApps(ownership, dns),
    ownedRedis(ownership),
    ownedPostgres(ownership),
    ownedNetworks(ownership),
    images === undefined ? { owned: [], left: [] } : ownedRegistry(ownership, images),
    ownedTag(ownership),
  ]);
  const owned = [...apps, ...redis, ...postgres, ...networks, ...registry.owned, ...tags];
  return { owned, left: registry.left };
}

/** Apps by their variable; before each the TXT records that its domains asked for, which only the app knows. */
async function ownedApps(
  { client, names, prices }: Ownership,
  dns: DnsProvider | undefined,
): Promise<Owned[]> {
  const own = (await listApps(client)).filter(({ spec }) => isOwnApp(spec, names.tag));
  const mark = `variable ${OWNER_VARIABLE}=${names.tag}`;
  const lists = await Promise.all(
    own.map(async (app): Promise<Owned[]> => {
      const components = componentsOf(app);
      const known = components.map(({ size, count }) => prices.instances(size, count));
      return [
        ...(dns === undefined ? [] : await provingRecords(dns, app)),
        {
          kind: 'App',
          name: app.spec.name,
          id: app.id,
          mark,
          usdPerMonth: known.reduce<number>((sum, price) => sum + (price ?? 0), 0),
          destroy: () => deleteApp(client, app.id),
        },
      ];
    }),
  );
  return lists.flat();
}

const componentsSchema = z.object({
  services: z.array(z.unknown()).nullish(),
  workers: z.array(z.unknown()).nullish(),
});
const componentSchema = z.object({
  instance_size_slug: z.string().default(''),
  instance_count: z.number().default(1),
});

/** What of an app runs all the time, and therefore costs. */
function componentsOf({ spec }: App): { size: string; count: number }[] {
  const { services, workers } = componentsSchema.parse(spec);
  return [...(services ?? []), ...(workers ?? [])].map((one) => {
    const { instance_size_slug: size, instance_count: count } = componentSchema.parse(one);
    return { size, count };
  });
}

async function provingRecords(dns: DnsProvider, app: App): Promise<Owned[]> {
  const asked = (app.domains ?? []).flatMap(({ validations }) => validations ?? []);
  const found = await Promise.all(
    asked.map(async ({ txt_name, txt_value }): Promise<Owned[]> => {
      const name = txt_name.replace(/\.$/, '');
      if (!(await dns.hasText(name, txt_value))) return [];
      return [
        {
          kind: 'TXT record',
          name,
          id: name,
          mark: `the value that app ${app.spec.name} asks for`,
          usdPerMonth: 0,
          destroy: () => dns.removeText(name, txt_value),
        },
      ];
    }),
  );
  return found.flat();
}

async function ownedNetworks({ client, names }: Ownership): Promise<Owned[]> {
  return (await listVpcs(client))
    .filter(({ description }) => description === names.tag)
    .map((vpc) => ({
      kind: 'VPC',
      name: vpc.name,
      id: vpc.id,
      mark: `description ${names.tag}`,
      usdPerMonth: 0,
      ...(vpc.isDefault
        ? {
            note:
              `DigitalOcean made it the default network of ${vpc.datacentre}, and those cannot be deleted: it loses its name and ` +
              'mark, costs nothing, and stays as the default that every account has',
          }
        : {}),
      destroy: async () => {
        await removeVpc(client, vpc);
      },
    }));
}

const tagSchema = z.object({
  tag: z.object({ resources: z.looseObject({ count: z.number().default(0) }).nullish() }),
});
const UNTAGGED_LIMIT_MS = 2 * 60_000;

async function ownedTag({ client, names }: Ownership): Promise<Owned[]> {
  const path = `/tags/${encodeURIComponent(names.tag)}`;
  const read = (): Promise<z.infer<typeof tagSchema> | undefined> =>
    orUndefined(() => client.request('GET', path, tagSchema));
  if ((await read()) === undefined) return [];
  return [
    {
      kind: 'Tag',
      name: names.tag,
      id: names.tag,
      mark: 'its name',
      usdPerMonth: 0,
      destroy: async () => {
        // A tag takes itself off whatever carries it; something that still does is not known here, so it stays.
        const soon = client.clock.now().getTime() + UNTAGGED_LIMIT_MS;
        const impatient = { ...client, deadline: Math.min(client.deadline ?? soon, soon) };
        await waitFor(impatient, {
          what: `nothing to carry the tag ${names.tag} any more`,
          limitMs: UNTAGGED_LIMIT_MS,
          look: async () => {
            const count = (await read())?.tag.resources?.count ?? 0;
            return count === 0 ? { done: true } : { state: `${count} still do, which this did not make` };
          },
        });
        await orUndefined(() => client.request('DELETE', path, z.unknown()));
      },
    },
  ];
}
