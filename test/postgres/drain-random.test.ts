import { expect, test } from '@jest/globals';
import { silentLog } from '../../src/log.ts';
import { withConnection } from '../../src/postgres/connect.ts';
import { Drainer } from '../../src/postgres/drain.ts';
import { compareDatabases } from '../../src/postgres/parity.ts';
import { addressOf, draining, shopRows, shopSql } from './draining.ts';

const WRITERS = 4;
const TRANSACTIONS = process.env['TEST_FULL'] === undefined ? 60 : 600;

/** Mulberry32: the same numbers for the same seed. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** One statement of the application, among those that have gone wrong somewhere before. */
function statement(random: (below: number) => number, writer: number): string {
  const id = 1 + random(120);
  const fresh = 1000 + writer * 100_000 + random(90_000);
  const choices = [
    `INSERT INTO users VALUES (${fresh}, 'new ${fresh}', ${fresh}, 'new') ON CONFLICT DO NOTHING`,
    `UPDATE users SET note = note || '${random(10)}' WHERE id = ${id}`,
    `UPDATE users SET note = 'hot' || ${random(1000)} WHERE id = 1`,
    `UPDATE users SET id = ${fresh} WHERE id = ${id} AND NOT EXISTS (SELECT FROM orders WHERE "the user" = ${id})`,
    `DELETE FROM users WHERE id = ${id}`,
    `INSERT INTO users VALUES (${id}, 'again ${id} ${fresh}', ${-fresh}, NULL) ON CONFLICT DO NOTHING`,
    `SET CONSTRAINTS ALL DEFERRED; UPDATE users u SET code = o.code FROM users o
      WHERE (u.id, o.id) IN ((${id}, ${id + 1}), (${id + 1}, ${id}))`,
    `INSERT INTO orders SELECT ${fresh}, id, ${random(100)} / 3.0 FROM users ORDER BY id LIMIT 1 ON CONFLICT DO NOTHING`,
    `UPDATE orders SET amount = amount * 1.10 WHERE id % 17 = ${random(17)}`,
    `DELETE FROM orders WHERE id = ${1 + random(300)}`,
    `INSERT INTO lines (order_id) SELECT id FROM orders ORDER BY id LIMIT 3`,
    `UPDATE lines SET n = DEFAULT WHERE n = (SELECT min(n) FROM lines)`,
    `INSERT INTO plain VALUES (NULL, ${random(3)}), ('a', 1), ('a', 1)`,
    `UPDATE plain SET b = b + 1 WHERE b = ${random(3)}`,
    `DELETE FROM plain WHERE ctid = (SELECT min(ctid) FROM plain)`,
    `UPDATE places SET region = CASE region WHEN 'north' THEN 'south' ELSE 'north' END WHERE "Id" = ${1 + random(50)}`,
    `INSERT INTO places VALUES ('north', ${fresh}, 'n') ON CONFLICT DO NOTHING`,
    `UPDATE places_south SET name = name || 'x' WHERE "Id" = ${1 + random(50)}`,
    ...(random(10) === 0 ? ['TRUNCATE lines', 'TRUNCATE plain', 'TRUNCATE places_north'] : []),
  ];
  return choices[random(choices.length)] ?? '';
}

// Each is a history of its own; the full run sees several.
const histories = process.env['TEST_FULL'] === '1' ? [1, 2, 3] : [1];

test.each(histories.map((n) => n + 1000 * Number(process.env['TEST_SEED'] ?? 0)))(
  'several writers at once on all kinds of tables while it is drained: in the end every row is equal (seed %i)',
  async (seed) => {
    const { sides, source, options } = await draining(shopSql, shopRows);
    let writing = true;
    const write = async (writer: number): Promise<void> => {
      const random = numbers(seed * 100 + writer);
      await withConnection(addressOf(source), { applicationName: 'writer' }, async (client) => {
        await client.query('SET search_path = public');
        for (let n = 0; n < TRANSACTIONS; n += 1) {
          // Deadlocks and violated constraints among the writers are theirs; what they roll back must not arrive.
          const run = async (sql: string): Promise<void> => {
            await client.query(sql).catch(() => client.query('ROLLBACK'));
          };
          await run('BEGIN');
          for (let count = 1 + random(4); count > 0; count -= 1) {
            if (random(4) === 0) await run('SAVEPOINT s');
            await run(statement(random, writer));
            if (random(8) === 0) await run('ROLLBACK TO SAVEPOINT s');
          }
          await run(random(8) === 0 ? 'ROLLBACK' : 'COMMIT');
        }
      });
    };
    const drainer = new Drainer(sides, options);
    const drainWhileWriting = async (): Promise<number> => {
      let rows = 0;
      for (let pass = 0; writing; pass += 1)
        ({ rows } = await drainer
          .pass({ tables: pass % 3 === 0 ? 'all' : 'keyed' })
          .then((drained) => ({ rows: rows + drained.rows })));
      return rows;
    };
    const drained = drainWhileWriting();
    await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer))).finally(() => {
      writing = false;
    });
    expect(await drained).toBeGreaterThan(0);
    await drainer.pass({ tables: 'all' });
    await drainer.close();
    const parity = await compareDatabases({
      source: sides.source,
      target: sides.target.owner,
      log: silentLog,
    });
    expect(parity.rows.different).toBe(0);
    expect(parity.tables.filter(({ equal }) => !equal)).toEqual([]);
    expect(parity.rows.compared).toBeGreaterThan(100);
  },
);
