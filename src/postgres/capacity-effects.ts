import type pg from 'pg';
import type { Explained } from './capacity-plan.ts';

// What may be run on production is decided three times: by the words of the statement, by its plan before it is run, and
// by the server, since everything happens in a transaction that is read only, is rolled back and has a time limit. Only
// the first two are here. A read-only transaction forbids writes to tables, and not what a function does elsewhere: a
// mail, a lock, a connection to another server. So a statement with a function that is not Postgres's own or an
// extension's own, or that is declared volatile, is refused whatever it does.

/** Volatile by declaration, and without any effect: another value each time. */
const HARMLESS = new Set([
  ...['random', 'clock_timestamp', 'timeofday', 'statement_timestamp', 'gen_random_uuid', 'uuid_generate_v4'],
]);

const NODES = new Map([
  ['ModifyTable', 'it writes'],
  ['LockRows', 'it locks rows'],
  ['Foreign Scan', 'it reads from another server'],
]);

/** Why a plan must not be run; `undefined` when nothing speaks against it. */
export function effectOf({ nodes }: Explained): string | undefined {
  return nodes.map((one) => NODES.get(one['Node Type'])).find((why) => why !== undefined);
}

/** Why the functions and operators in these texts must not be run; `undefined` when each is known to have no effect. */
export async function unsafeCallIn(client: pg.Client, texts: readonly string[]): Promise<string | undefined> {
  const functions = [...new Set(texts.flatMap(namesCalled))].filter((name) => !HARMLESS.has(name));
  const operators = [...new Set(texts.flatMap(operatorsNamed))];
  const { rows } = await client.query<{ why: string }>(
    `SELECT CASE WHEN ${isOwn('p')} THEN 'it calls ' || p.proname || '(), a function of the application'
                 ELSE 'it calls ' || p.proname || '(), which may have effects' END AS why
       FROM pg_catalog.pg_proc p
      WHERE p.proname = ANY ($1::text[]) AND (p.provolatile = 'v' OR ${isOwn('p')})
      UNION ALL
     SELECT 'it uses the operator ' || o.oprname || ', which the application defines'
       FROM pg_catalog.pg_operator o
       JOIN pg_catalog.pg_proc p ON p.oid = o.oprcode
      WHERE o.oprname = ANY ($2::text[]) AND (p.provolatile = 'v' OR ${isOwn('p')})
      UNION ALL
     -- Casts are not always written out: with any of them, nobody can tell which statement calls it.
     SELECT 'the application defines casts, which may call its functions'
       FROM pg_catalog.pg_cast c
       JOIN pg_catalog.pg_proc p ON p.oid = c.castfunc
      WHERE ${isOwn('p')}
      ORDER BY why LIMIT 1`,
    [functions, operators],
  );
  return rows[0]?.why;
}

/** SQL condition: a function that came neither with Postgres nor with an extension. */
function isOwn(alias: string): string {
  return `(${alias}.oid >= 16384 AND NOT EXISTS (
             SELECT FROM pg_catalog.pg_depend member
              WHERE member.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
                AND member.objid = ${alias}.oid AND member.deptype = 'e'))`;
}

/** Every word or quoted name before a parenthesis; what is none of a function's names is not found in the catalogue. */
function namesCalled(text: string): string[] {
  return [...text.matchAll(/(?:"((?:[^"]|"")+)"|([\p{L}_][\p{L}\p{N}_$]*))\s*\(/gu)].map(
    ([, quoted, plain]) =>
      quoted === undefined ? (plain ?? '').toLowerCase() : quoted.replaceAll('""', '"'),
  );
}

/** Every run of the letters that operators are made of. */
function operatorsNamed(text: string): string[] {
  return [...text.matchAll(/[-+*/<>=~!@#%^&|`?]+/g)].map(([operator]) => operator);
}
