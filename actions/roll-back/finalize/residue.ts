import type { Redis } from 'ioredis';

import { withConnection } from '../../../src/postgres/connect.ts';
import { readResidue } from '../../../src/postgres/residue.ts';
import { removeStamp } from '../../../src/postgres/stamp.ts';
import { DROPLET_KEYS, OUR_PREFIX } from '../../../src/redis/our-keys.ts';
import { OPEN_KEY } from '../../../src/redis/rights.ts';
import { scanKeys } from '../../../src/redis/scan.ts';
import { inEachDatabase, sumOfEach } from '../../jobs.ts';
import type { Parties } from '../../parties.ts';
import { newRedis } from '../new-side.ts';

/** Workers of the new side wait for the one, its droplet writes the others: they belong to how it runs. */
function isOfTheNewSide(key: string): boolean {
  return key === OPEN_KEY || key === DROPLET_KEYS || key.startsWith(`${DROPLET_KEYS}:`);
}

/** Our names among the keys of the selected database. */
async function ourKeys(redis: Redis, keep: (key: string) => boolean): Promise<string[]> {
  const found = new Set<string>();
  for await (const keys of scanKeys(redis))
    for (const key of keys) {
      const name = key.toString();
      if (name.startsWith(OUR_PREFIX) && !keep(name)) found.add(name);
    }
  return [...found];
}

/** Deletes every key of ours on both sides, but for those by which the new side runs. How many. */
export async function clearRedis(parties: Parties): Promise<number> {
  const { oldSide, log } = parties;
  const clear =
    (keep: (key: string) => boolean) =>
    async (redis: Redis): Promise<number> => {
      const names = await ourKeys(redis, keep);
      for (let from = 0; from < names.length; from += 500)
        await redis.unlink(...names.slice(from, from + 500));
      return names.length;
    };
  return (
    (await sumOfEach(
      oldSide,
      { log },
      clear(() => false),
    )) + (await sumOfEach(newRedis(parties), { log }, clear(isOfTheNewSide)))
  );
}

/** What the new database remembers of its copy. */
export async function forgetCopies({ newSide, signal }: Parties): Promise<void> {
  const session = { applicationName: 'h2d finalize', signal };
  await withConnection(newSide.loader, session, removeStamp);
}

/** Everything of ours that is left on either side, one line each. */
export async function residueOf(parties: Parties): Promise<string[]> {
  const { oldSide, newSide, log, signal } = parties;
  const [old, fresh, oldKeys, newKeys] = await Promise.all([
    readResidue(oldSide.database, { signal }),
    readResidue(newSide.owner, { signal }),
    inEachDatabase(oldSide, { log }, (redis) => ourKeys(redis, () => false)),
    inEachDatabase(newRedis(parties), { log }, (redis) => ourKeys(redis, isOfTheNewSide)),
  ]);
  return [
    ...old.map((line) => `old Postgres: ${line}`),
    ...fresh.map((line) => `new Postgres: ${line}`),
    ...oldKeys.flat().map((key) => `old Redis: ${key}`),
    ...newKeys.flat().map((key) => `new Redis: ${key}`),
  ];
}
