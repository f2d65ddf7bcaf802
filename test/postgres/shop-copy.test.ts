import { expect, test } from '@jest/globals';
import { herokuPostgresSettings, prepareHerokuDatabase } from '../../rehearsal/heroku/postgres.ts';
import { findPostgres } from '../../rehearsal/servers/binaries.ts';
import { createAuthority } from '../../rehearsal/servers/certificates.ts';
import { temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { startPostgres } from '../../rehearsal/servers/postgres.ts';
import { seedShop } from '../../rehearsal/shop/seed.ts';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { copyDatabase } from '../../src/postgres/copy.ts';
import { parsePostgresUrl } from '../../src/postgres/connect.ts';
import { compareDatabases } from '../../src/postgres/parity.ts';
import { findPostgresTools } from '../../src/postgres/tools.ts';
import { recordingLog } from './two-sides.ts';
import '../support/servers.ts';

test('a shop moves from a server like Heroku’s, whose certificate nobody can verify, to one that is verified', async () => {
  const binaries = await findPostgres(silentLog);
  const [unknown, known] = [await createAuthority('unknown'), await createAuthority('known')];
  const [heroku, digitalOcean] = await Promise.all([
    startPostgres({
      name: 'heroku',
      binaries,
      tls: await unknown.issue(['elsewhere.example.com']),
      settings: herokuPostgresSettings(binaries),
    }),
    startPostgres({ name: 'digitalocean', binaries, tls: await known.issue(['127.0.0.1']) }),
  ]);
  const { url } = await prepareHerokuDatabase(heroku, {
    database: 'd1shop',
    user: 'u1shop',
    password: 'p%/ssword',
    connectionLimit: 20,
  });
  await seedShop(url, 3, 7);
  await digitalOcean.query(
    'postgres',
    "CREATE ROLE doadmin LOGIN CREATEDB CREATEROLE BYPASSRLS PASSWORD 'd'; CREATE ROLE shop LOGIN PASSWORD 's'",
  );
  await digitalOcean.query('postgres', 'CREATE DATABASE shop OWNER doadmin');

  const source = parsePostgresUrl(url, { mode: 'unverified' });
  const verified = { mode: 'verify', ca: known.pem } as const;
  const owner = parsePostgresUrl(digitalOcean.url('shop', 'shop', 's'), verified);
  const log = recordingLog();
  const copy = (): ReturnType<typeof copyDatabase> =>
    findPostgresTools(binaries.major, { environmentPath: binaries.bin }).then((tools) =>
      copyDatabase({
        source,
        owner,
        loader: parsePostgresUrl(digitalOcean.url('shop', 'doadmin', 'd'), verified),
        migrationId: 'shop-production',
        tools,
        directory: temporaryDirectory('copy'),
        jobs: 4,
        log,
        clock: systemClock,
      }),
    );
  await copy();
  // Once more, as inside the fence.
  await copy();
  const parity = await compareDatabases({ source, target: owner, log: silentLog });
  expect(parity).toMatchObject({ equal: true, catalogue: [], sequences: [], rows: { different: 0 } });
  expect(parity.rows.compared).toBeGreaterThan(5000);
  expect(log.lines.join('\n')).not.toContain('p%/ssword');
  expect(log.lines.filter((line) => line.startsWith('Left out: EVENT TRIGGER'))).toHaveLength(8);
});
