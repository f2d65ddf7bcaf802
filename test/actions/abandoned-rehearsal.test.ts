import { expect, test } from '@jest/globals';

import { endAbandonedRehearsal } from '../../actions/migrate-db/abandoned-rehearsal.ts';
import type { Parties } from '../../actions/parties.ts';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { environmentOf, parseMigrationConfig } from '../../src/migration/config.ts';
import { thrownAway } from '../../src/migration/throw-away.ts';
import { installCapture } from '../../src/postgres/capture.ts';
import { readCapturedBy } from '../../src/postgres/captured-by.ts';
import type { PostgresAddress } from '../../src/postgres/connect.ts';
import { captureOptions } from '../postgres/captured.ts';
import { twoSides } from '../postgres/two-sides.ts';

const config = parseMigrationConfig(
  'application: shop\nenvironments: { production: { heroku-app: shop-production, region: fra } }\n',
  'migration.yml',
);
const production = environmentOf(config, 'production');

const partiesOf = (database: PostgresAddress, environment = production): Parties =>
  ({
    subject: { environment },
    oldSide: { database },
    ...{ epoch: 1, log: silentLog, clock: systemClock, signal: new AbortController().signal },
  }) as unknown as Parties;

test.each([
  ['an expired one of a rehearsal of this environment is removed', 'shop-production-shadow', 1, true],
  ['one that may be at work is left alone', 'shop-production-shadow', 3_600_000, false],
  ['the own one is no rehearsal', 'shop-production', 1, false],
  ["another application's is none of ours", 'mall-production-shadow', 1, false],
])('%s', async (_what, migrationId, leaseMs, removed) => {
  const { source } = await twoSides('CREATE TABLE orders (id bigserial PRIMARY KEY)');
  await installCapture(source, { ...captureOptions, migrationId, limits: { logBytes: 1e8, leaseMs } });
  expect(await readCapturedBy(source)).toMatchObject({ migrationId });
  await endAbandonedRehearsal(partiesOf(source));
  expect(await readCapturedBy(source)).toEqual(
    removed ? undefined : expect.objectContaining({ migrationId }),
  );
});

test('a rehearsal itself takes nothing off: its own sweep has done that', async () => {
  const { source } = await twoSides('CREATE TABLE orders (id bigserial PRIMARY KEY)');
  await installCapture(source, {
    ...captureOptions,
    migrationId: 'shop-production-shadow',
    limits: { logBytes: 1e8, leaseMs: 1 },
  });
  await endAbandonedRehearsal(partiesOf(source, thrownAway(config, production, 'shadow')));
  expect(await readCapturedBy(source)).toBeDefined();
});
