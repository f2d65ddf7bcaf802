import { globSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { requireMigrationKey } from '../../src/migration/secrets.ts';
import { redisSecrets } from '../../src/migration/target.ts';
import { MIGRATION_KEY } from '../pipeline.ts';
import { searchFor } from '../secret-forms.ts';
import type { World } from '../world.ts';

/** Shorter, it is a word of its own ("production"). */
const SHORTEST_SECRET = 12;

/** Which secrets of the world stand, as they are or encoded, in anything that was written below these folders. */
export async function secretsLeft(world: World, folders: readonly string[]): Promise<string[]> {
  const search = searchFor(await secretsOf(world));
  const files = folders
    .flatMap((folder) => globSync(join(folder, '**')))
    .filter((file) => statSync(file).isFile());
  if (files.length === 0) throw new Error('Nothing was written: there is nothing to look at.');
  return files.flatMap((file) => search(readFileSync(file, 'latin1')).map((name) => `${name} in ${file}`));
}

async function secretsOf(world: World): Promise<Record<string, string>> {
  const found: Record<string, string> = {
    'Heroku token': world.tokens.heroku,
    'DigitalOcean token': world.tokens.digitalOcean,
    'migration key': MIGRATION_KEY,
  };
  for (const [environment, { app, databaseUrl, redisUrl }] of world.oldSides) {
    for (const [name, value] of Object.entries(app.config())) {
      if (value.length >= SHORTEST_SECRET) found[`${name} of ${environment}`] = value;
    }
    for (const url of [databaseUrl, redisUrl]) {
      const { protocol, password } = new URL(url);
      found[`password of ${protocol} in ${environment}`] = password;
      found[`decoded password of ${protocol} in ${environment}`] = decodeURIComponent(password);
    }
    const { adminPassword, appPassword } = redisSecrets({
      key: requireMigrationKey(MIGRATION_KEY),
      migrationId: `shop-${environment}`,
      mask: () => undefined,
    });
    found[`Redis administrator of ${environment}`] = adminPassword;
    found[`Redis user of ${environment}`] = appPassword;
  }
  return { ...found, ...(await passwordsOfClusters(world)) };
}

async function passwordsOfClusters({ digitalOcean, tokens }: World): Promise<Record<string, string>> {
  const response = await fetch(`${digitalOcean.apiUrl}/v2/databases`, {
    headers: { authorization: `Bearer ${tokens.digitalOcean}` },
  });
  const { databases } = (await response.json()) as {
    databases?: { name: string; users: { name: string; password?: string }[] }[];
  };
  return Object.fromEntries(
    (databases ?? []).flatMap(({ name, users }) =>
      users.flatMap((user) =>
        user.password === undefined ? [] : [[`password of ${user.name} in ${name}`, user.password]],
      ),
    ),
  );
}
