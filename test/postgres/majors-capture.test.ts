import { expect } from '@jest/globals';
import { serverOfMajor } from '../../rehearsal/servers/other-majors.ts';
import { startPostgres } from '../../rehearsal/servers/postgres.ts';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { installCapture } from '../../src/postgres/capture.ts';
import { readCatalogue } from '../../src/postgres/catalogue.ts';
import { withConnection } from '../../src/postgres/connect.ts';
import { readLag } from '../../src/postgres/lag.ts';
import { uninstallCapture } from '../../src/postgres/uninstall-capture.ts';
import { foundIn, inFullRun, testNeeding } from '../support/or-skipped.ts';
import { everyTypeSql } from './every-type.ts';
import { twoSides } from './two-sides.ts';

const log = silentLog;
const session = { applicationName: 'majors' };
const options = { migrationId: 'majors', epoch: 1, log, clock: systemClock };

/** Tables whose keys are of types that compare in ways of their own. */
const keyed = `
  CREATE TABLE by_citext (k heroku_ext.citext PRIMARY KEY, v integer);
  CREATE TABLE by_enum (k colour, d positive, PRIMARY KEY (k, d), v integer);
  CREATE TABLE by_array (k integer[] PRIMARY KEY, v integer);
  CREATE TABLE by_range (k daterange PRIMARY KEY, v integer);
  CREATE TABLE by_numeric (k numeric PRIMARY KEY, v integer);
  CREATE TABLE by_time (k timestamptz NOT NULL, v integer, PRIMARY KEY (k)) PARTITION BY RANGE (k);
  CREATE TABLE by_time_old PARTITION OF by_time FOR VALUES FROM (MINVALUE) TO ('2026-01-01');
  CREATE TABLE by_time_new PARTITION OF by_time FOR VALUES FROM ('2026-01-01') TO (MAXVALUE);
  CREATE TABLE no_key (a text);
  INSERT INTO by_citext VALUES ('a'); INSERT INTO by_enum VALUES ('rot', 1.10); INSERT INTO by_array VALUES ('{1,NULL}');
  INSERT INTO by_range VALUES ('[2026-01-01,)'); INSERT INTO by_numeric VALUES ('NaN'), (1.10);
  INSERT INTO by_time VALUES ('2025-06-01'), ('-infinity');`;

/** As the application. What is logged: the keys of the rows, old and new; for each truncated table one row. */
const writes = `
  UPDATE by_citext SET k = 'A'; UPDATE by_enum SET k = 'orange', d = 1.1; UPDATE by_array SET v = 1;
  UPDATE by_range SET k = 'empty'; DELETE FROM by_numeric; UPDATE by_time SET k = '2026-06-01' WHERE k = '2025-06-01';
  TRUNCATE type_text; INSERT INTO no_key VALUES ('x'), ('y');`;
/** A citext key whose case changes is another value, though it compares as equal. */
const logged = { byCitext: 2, byEnum: 2, byArray: 1, byRange: 2, byNumeric: 2, byTime: 2, truncated: 1 };

for (const major of [13, 14, 15, 16, 17, 18]) {
  const server = await inFullRun(() => serverOfMajor(major, { log }));
  testNeeding(
    [server],
    `PostgreSQL ${major}: changes under keys of every type are captured, and nothing stays when the capture goes`,
    async () => {
      const running = await startPostgres({ name: `capture-${major}`, binaries: foundIn(server) });
      const { source } = await twoSides(`${everyTypeSql(major)}; ${keyed}`, {
        sourceServer: running,
        targetServer: running,
      });
      await withConnection(source, session, async (client) => {
        const before = await readCatalogue(client, true);
        const { tables, whole } = await installCapture(source, {
          ...options,
          limits: { logBytes: 1 << 30, leaseMs: 600_000 },
        });
        expect(whole).toEqual([expect.objectContaining({ relation: '"public"."no_key"' })]);
        await client.query('SET search_path = public, heroku_ext');
        await client.query(writes);
        const lag = await readLag(client, tables);
        expect(lag.rows).toBe(Object.values(logged).reduce((sum, rows) => sum + rows, 0));
        expect(lag.whole).toEqual([expect.objectContaining({ relation: '"public"."no_key"' })]);

        await client.query(`SET search_path = ''`);
        await uninstallCapture(source, options);
        expect(await readCatalogue(client, true)).toEqual(before);
        const { rows } = await client.query(
          `SELECT FROM pg_namespace WHERE nspname = 'heroku_to_digitalocean'`,
        );
        expect(rows).toEqual([]);
      });
    },
    120_000,
  );
}
