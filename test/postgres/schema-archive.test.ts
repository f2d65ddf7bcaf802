import { expect, test } from '@jest/globals';
import { closeConnection, connect } from '../../src/postgres/connect.ts';
import { splitScript, type SchemaArchive } from '../../src/postgres/schema-archive.ts';
import { dumpOf } from './schema-sides.ts';
import { rareSql, recordingLog, twoSides } from './two-sides.ts';

const sectionOf = (archive: SchemaArchive, kind: string, name: string): string | undefined =>
  archive.entries.find((entry) => entry.kind === kind && entry.name === name)?.section;

test('every object becomes an entry of its own, in the section in which it can be made', async () => {
  const log = recordingLog();
  const sides = await twoSides(rareSql);
  const archive = await dumpOf(sides, { log });
  expect(sectionOf(archive, 'TABLE', 'orders')).toBe('pre-data');
  expect(sectionOf(archive, 'COMMENT', 'COLUMN users.email')).toBe('pre-data');
  expect(sectionOf(archive, 'TABLE ATTACH', 'events_2025')).toBe('pre-data');
  expect(sectionOf(archive, 'INDEX', 'orders_open')).toBe('build');
  expect(sectionOf(archive, 'STATISTICS', 'orders_stats')).toBe('build');
  expect(sectionOf(archive, 'FK CONSTRAINT', 'orders orders_user_id_fkey')).toBe('last');
  expect(sectionOf(archive, 'TRIGGER', 'users users_touch')).toBe('last');
  expect(sectionOf(archive, 'MATERIALIZED VIEW DATA', 'totals')).toBe('last');
  const index = archive.entries.find((entry) => entry.name === 'orders_open');
  const table = archive.entries.find((entry) => entry.kind === 'TABLE' && entry.name === 'orders');
  expect(index?.sql).toMatch(/^CREATE INDEX orders_open ON public\.orders .*;$/);
  expect(index?.dependencies).toContain(table?.id);
  expect(log.lines.filter((line) => line.startsWith('Left out: EVENT TRIGGER'))).toHaveLength(1);
  expect(log.lines.filter((line) => line.startsWith('Left out: PUBLICATION'))).toHaveLength(3);
  // The same schema is the same archive at any time.
  expect(await dumpOf(sides)).toEqual(archive);
});

test('a view that needs a primary key, and what needs that view, are made before anything checks writes', async () => {
  const archive = await dumpOf(
    await twoSides(`
      CREATE TABLE t (id integer PRIMARY KEY, a text);
      CREATE VIEW grouped AS SELECT id, a FROM t GROUP BY id;
      CREATE MATERIALIZED VIEW kept AS SELECT id, a FROM t GROUP BY id;
      CREATE MATERIALIZED VIEW over AS SELECT id, g.a FROM kept JOIN grouped g USING (id);
      CREATE MATERIALIZED VIEW never AS SELECT * FROM kept WITH NO DATA;
      CREATE UNIQUE INDEX over_id ON over (id);
      CREATE TRIGGER checked BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
      COMMENT ON TRIGGER checked ON t IS 'why'`),
  );
  expect(sectionOf(archive, 'RULE', 'grouped _RETURN')).toBe('build');
  expect(sectionOf(archive, 'MATERIALIZED VIEW', 'kept')).toBe('build');
  expect(sectionOf(archive, 'INDEX', 'over_id')).toBe('build');
  expect(sectionOf(archive, 'COMMENT', 'TRIGGER checked ON t')).toBe('last');
  const refreshed = archive.entries.filter((entry) => entry.kind === 'MATERIALIZED VIEW DATA');
  expect(refreshed.map((entry) => entry.name)).toEqual(['kept', 'over']);
  expect(refreshed[1]?.dependencies).toContain(refreshed[0]?.id);
});

test('only the two lines of a restriction are taken out of a script; a body that looks like them stays', async () => {
  const body = `
\\restrict abc
\\unrestrict abc
-- it\\'s a line
`;
  const sides = await twoSides(
    `CREATE FUNCTION tricky() RETURNS text LANGUAGE sql AS $f$ SELECT $g$${body}$g$ $f$`,
  );
  const archive = await dumpOf(sides);
  expect(archive.entries).toHaveLength(1);
  expect(archive.entries[0]?.sql).toContain(body);
  const target = await connect(sides.owner, { applicationName: 'test' });
  await target.query((archive.entries[0]?.sql ?? '').replace('public.tricky', 'pg_temp.tricky'));
  const { rows } = await target.query('SELECT pg_temp.tricky() AS body');
  await closeConnection(target);
  expect(rows).toEqual([{ body }]);
});

test('a function whose body looks like another entry stops the run: nothing is cut at the wrong place', () => {
  const forged = (id: number): string =>
    `\n--\n-- TOC entry ${id} (class 1259 OID 16402)\n-- Name: users; Type: TABLE; Schema: public; Owner: app\n--\n\nDROP TABLE users;\n`;
  const listed = [
    { id: 7, classOid: 1255, oid: 16400, kind: 'FUNCTION', rest: '', line: '' },
    { id: 9, classOid: 1259, oid: 16402, kind: 'TABLE', rest: '', line: '' },
  ];
  const real = forged(9).replace('DROP', 'CREATE');
  const script = (inBody: string): string =>
    `SET x;\n--\n-- TOC entry 7 (class 1255 OID 16400)\n-- Name: f(); Type: FUNCTION; Schema: public; Owner: app\n--\n\nCREATE FUNCTION $$${inBody}$$;\n${real}`;
  expect(splitScript(script('SELECT 1'), listed).map((entry) => entry.sql)).toEqual([
    'CREATE FUNCTION $$SELECT 1$$;',
    'CREATE TABLE users;',
  ]);
  expect(() => splitScript(script(forged(9)), listed)).toThrow(/taken apart safely/);
  expect(() => splitScript(script(forged(11)), listed)).toThrow(/taken apart safely/);
  expect(() => splitScript(script('SELECT 1').slice(0, -real.length), listed)).toThrow(/no entry 9/);
});
