import { randomBytes } from 'node:crypto';
import { startPostgres } from '../servers/postgres.ts';
import { startRedis } from '../servers/redis.ts';
import { keyValueStoreConfiguration, keyValueStoreUrl } from './key-value-store.ts';
import type { AddOn, Platform } from './platform.ts';
import { prepareHerokuDatabase } from './postgres.ts';
import { unverifiableCertificate } from './unverifiable-certificate.ts';

/** What is behind an add-on that was ordered through the API. */
export interface OrderedStore {
  url: string;
  stop: () => Promise<void>;
}

/** Starts a real server for an add-on, as the plan's service hands it out. It ends with the add-on. */
export async function startStore(platform: Platform, addOn: AddOn): Promise<OrderedStore> {
  const tls = await unverifiableCertificate();
  const password = randomBytes(16).toString('hex');
  const { otherwise } = platform.played;
  if (addOn.plan.service.name === 'heroku-redis') {
    const redis = await startRedis({
      name: `heroku-${addOn.name}`,
      tls,
      configuration: [
        ...keyValueStoreConfiguration({ password }),
        ...(otherwise.includes('no-tracking')
          ? [`user default on >${password} ~* &* +@all -client|tracking`]
          : []),
      ],
    });
    return { url: keyValueStoreUrl(redis, password), stop: () => redis.stop() };
  }
  const postgres = await startPostgres({ name: `heroku-${addOn.name}`, tls });
  const names = { database: `d${platform.ids.hex(12)}`, user: `u${platform.ids.hex(12)}` };
  const { url } = await prepareHerokuDatabase(postgres, {
    ...names,
    password,
    connectionLimit: addOn.plan.connections,
  });
  if (otherwise.includes('no-schemas')) {
    await postgres.query('postgres', `ALTER DATABASE "${names.database}" OWNER TO postgres`);
    await postgres.query(
      names.database,
      `GRANT CONNECT, TEMPORARY ON DATABASE "${names.database}" TO "${names.user}"`,
    );
    await postgres.query(names.database, `GRANT USAGE, CREATE ON SCHEMA public TO "${names.user}"`);
  }
  return { url, stop: () => postgres.stop() };
}
