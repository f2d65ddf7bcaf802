import type { DigitalOcean } from '../../src/digitalocean/client.ts';
import type { DnsProvider } from '../../src/dns/provider.ts';
import { messageOf } from '../../src/errors.ts';
import type { Edge } from '../../src/github/run.ts';
import type { HerokuClient } from '../../src/heroku/client.ts';
import { deleteThrowAwayApp, hasThrowAwayApp } from '../../src/heroku/throw-away-app.ts';
import type { TargetNames } from '../../src/migration/names.ts';
import { everythingOwned } from '../provision/owned.ts';
import { readLivePrices } from '../provision/prices.ts';
import type { Owned } from '../provision/resource.ts';
import { probeApps } from './heroku-ground.ts';

/** Where the probes' things lie, and by which mark they are known. Works in a cancelled run, too. */
export interface Swept {
  edge: Edge;
  heroku: HerokuClient;
  /** The app of migration.yml, after which the throw-away ones are named. */
  like: string;
  client: DigitalOcean;
  names: TargetNames;
  dns: DnsProvider | undefined;
  migrationId: string;
}

/**
 * Everything that carries the probes' mark, on both sides, in the order in which it can be removed; add-ons and dynos go
 * with their app. Reads only.
 */
export async function leftByProbes(s: Swept): Promise<Owned[]> {
  const prices = await readLivePrices(s.client);
  const [apps, { owned }] = await Promise.all([
    throwAwayApps(s),
    everythingOwned({ client: s.client, names: s.names, prices }, { dns: s.dns, images: undefined }),
  ]);
  return [...apps, ...owned];
}

async function throwAwayApps({ heroku, like, migrationId, names }: Swept): Promise<Owned[]> {
  const wanted = Object.values(await probeApps(heroku, { like, migrationId, mark: names.tag }));
  const there = await Promise.all(wanted.map((one) => hasThrowAwayApp(heroku, one)));
  return wanted
    .filter((_one, index) => there[index] === true)
    .map((one) => ({
      kind: 'Heroku app',
      name: one.name,
      id: one.name,
      mark: 'its config var',
      usdPerMonth: null,
      destroy: async () => {
        await deleteThrowAwayApp(heroku, one);
      },
    }));
}

/**
 * Removes all of it, each thing whatever becomes of the others on its way, and looks again. Returns what was removed, and
 * what is left with the reason.
 */
export async function sweep(s: Swept): Promise<{ removed: Owned[]; left: string[] }> {
  const removed: Owned[] = [];
  const problems = new Map<string, string>();
  for (const one of await leftByProbes(s)) {
    try {
      await one.destroy();
      removed.push(one);
      // Its trusted sources went with it: the post step has nothing left to close.
      if (one.kind === 'Postgres cluster') s.edge.saveState('runner-address', '');
      s.edge.log.info(`Removed: ${inWords(one)}`);
    } catch (error) {
      problems.set(one.id, messageOf(error));
      s.edge.log.warning(`Not removed: ${inWords(one)}: ${messageOf(error)}`);
    }
  }
  const left = await leftByProbes(s);
  return {
    removed,
    left: left.map((one) => {
      const problem = problems.get(one.id);
      return problem === undefined ? inWords(one) : `${inWords(one)}: ${problem}`;
    }),
  };
}

export function inWords({ kind, name, id, mark }: Owned): string {
  return `${kind} ${name}${id === name ? '' : ` (${id})`}, known by ${mark}`;
}
