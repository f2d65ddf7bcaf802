import { randomBytes } from 'node:crypto';
import { expect } from '@jest/globals';
import pg from 'pg';
import { serverOfMajor } from '../../rehearsal/servers/other-majors.ts';
import { startPostgres } from '../../rehearsal/servers/postgres.ts';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { readAssessFacts } from '../../src/postgres/assess-facts.ts';
import { withConnection } from '../../src/postgres/connect.ts';
import { foundIn, inFullRun, testNeeding } from '../support/or-skipped.ts';
import { superuserSql, wrongSql } from './everything-wrong.ts';
import { twoSides } from './two-sides.ts';

const session = { applicationName: 'h2d assess' };

for (const major of [13, 14, 15, 16, 17, 18]) {
  const server = await inFullRun(() => serverOfMajor(major, { log: silentLog }));
  testNeeding([server], `PostgreSQL ${major}: every question of assess is understood`, async () => {
    const running = await startPostgres({ name: `assess-${major}`, binaries: foundIn(server) });
    const sides = await twoSides(wrongSql, { sourceServer: running, targetServer: running });
    const { database, user: owner } = sides.source;
    await sides.onSource(superuserSql({ database, owner, suffix: randomBytes(3).toString('hex') }));
    const altering = new pg.Client(running.url(database));
    await altering.connect();
    await altering.query('BEGIN; LOCK TABLE sorted');
    const facts = await withConnection(sides.source, session, (client) =>
      readAssessFacts(client, { sampleMs: 50, clock: systemClock }),
    );
    await altering.end();
    expect(facts.unread).toEqual([]);
    expect(facts.database.major).toBe(major);
    expect(facts.locked.map(({ name }) => name)).toEqual(['public.sorted']);
    expect(facts.obstacles).toMatchObject({
      foreignServer: { count: 1 },
      rowSecurityForced: { count: 1 },
      notValidConstraint: { count: 1 },
      collationVersion: { count: 1 },
    });
    expect(facts.duplicateKeys?.found).toHaveLength(1);
    expect(facts.sequences?.nearEnd).toHaveLength(2);
  });
}
