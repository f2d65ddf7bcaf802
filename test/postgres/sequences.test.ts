import { expect, test } from '@jest/globals';
import { withConnection } from '../../src/postgres/connect.ts';
import { copySequences } from '../../src/postgres/sequences.ts';
import { freshDatabase } from '../support/servers.ts';
import { parsePostgresUrl } from '../../src/postgres/connect.ts';

const sql = `
  CREATE SCHEMA "Odd Names";
  CREATE SEQUENCE plain;
  CREATE SEQUENCE down INCREMENT -7 MAXVALUE 5 MINVALUE -9223372036854775808 START 5;
  CREATE SEQUENCE "Odd Names"."it's; a ""sequence""" AS smallint CYCLE;
  CREATE SEQUENCE far;
  CREATE SEQUENCE never_called START 1000 INCREMENT 5;
  CREATE SEQUENCE set_not_called;
  CREATE TABLE rows (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n bigserial);
`;

const sequences = [
  'plain',
  'down',
  `"Odd Names"."it's; a ""sequence"""`,
  'far',
  'never_called',
  'set_not_called',
  'rows_id_seq',
  'rows_n_seq',
];

test('sequences stand on the target where they stood: by any step, called or not, owned or not, at the very end', async () => {
  const source = await freshDatabase({ name: 'source', sql });
  const target = await freshDatabase({ name: 'target', sql });
  await source.query(`
    SELECT nextval('plain') FROM generate_series(1, 41);
    SELECT nextval('down') FROM generate_series(1, 3);
    SELECT setval('"Odd Names"."it''s; a ""sequence"""', 32767);
    SELECT setval('far', 9223372036854775807);
    SELECT setval('set_not_called', 77, false);
    INSERT INTO rows DEFAULT VALUES; INSERT INTO rows DEFAULT VALUES`);
  // Further on than the source: it goes back, too.
  await target.query(`SELECT setval('plain', 1000)`);
  const count = await withConnection(
    parsePostgresUrl(source.url, { mode: 'off' }),
    { applicationName: 'test' },
    (from) =>
      withConnection(parsePostgresUrl(target.url, { mode: 'off' }), { applicationName: 'test' }, (to) =>
        copySequences(from, to),
      ),
  );
  expect(count).toBe(sequences.length);
  const state = sequences
    .map((name) => `SELECT '${name.replaceAll("'", "''")}' AS name, last_value::text, is_called FROM ${name}`)
    .join(' UNION ALL ');
  expect(await target.query(state)).toEqual(await source.query(state));
  expect(await target.query(`SELECT nextval('set_not_called')::text AS next`)).toEqual([{ next: '77' }]);
});

test('a sequence that was made since the schema was copied is named, and the others are set', async () => {
  const source = await freshDatabase({ sql: `${sql}; CREATE SEQUENCE late; SELECT nextval('plain')` });
  const target = await freshDatabase({ sql });
  await withConnection(parsePostgresUrl(source.url, { mode: 'off' }), { applicationName: 'test' }, (from) =>
    withConnection(parsePostgresUrl(target.url, { mode: 'off' }), { applicationName: 'test' }, (to) =>
      expect(copySequences(from, to)).rejects.toThrow(/1 sequences.*public\.late/),
    ),
  );
  expect(await target.query('SELECT is_called FROM plain')).toEqual([{ is_called: true }]);
});
