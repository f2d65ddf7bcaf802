import type pg from 'pg';
import { OUR_SCHEMA } from './user-objects.ts';

/* The list, in our schema on the side that is written to, of what is out of the way there and how it comes back. */

/** What is listed, by state. All zero: everything is as the application made it. */
export interface Suspended {
  suspended: number;
  /** There again, and to be validated (foreign keys), or ready (everything else). */
  restored: number;
  validated: number;
}

/** One line of the list. */
export interface Item {
  relation: string;
  kind: string;
  name: string;
  restore: string;
  validate: string | null;
}

/** What is there now, with the statement that takes it out of the way. */
export type Found = Item & { takeAway: string };

export interface ListedItem extends Item {
  state: keyof Suspended;
}

export const LISTED = `
  SELECT relation, kind, name, restore, validate, state FROM ${OUR_SCHEMA}.suspended ORDER BY position`;

/** What is out of the way on a side; run by either of its roles. All zero where nothing of ours is there. */
export async function readSuspended(client: pg.Client): Promise<Suspended> {
  const { rows } = await client.query<{ found: boolean }>(
    'SELECT pg_catalog.to_regclass($1) IS NOT NULL AS found',
    [`${OUR_SCHEMA}.suspended`],
  );
  return rows[0]?.found === true ? countStates(client) : { suspended: 0, restored: 0, validated: 0 };
}

export async function countStates(client: pg.Client): Promise<Suspended> {
  const { rows } = await client.query<Suspended>(
    `SELECT pg_catalog.count(*) FILTER (WHERE state = 'suspended')::integer AS suspended,
            pg_catalog.count(*) FILTER (WHERE state = 'restored')::integer AS restored,
            pg_catalog.count(*) FILTER (WHERE state = 'validated')::integer AS validated
       FROM ${OUR_SCHEMA}.suspended`,
  );
  return rows[0] ?? { suspended: 0, restored: 0, validated: 0 };
}

export async function readItems(client: pg.Client): Promise<ListedItem[]> {
  const { rows } = await client.query<ListedItem>(LISTED);
  return rows;
}

export async function insertItems(client: pg.Client, items: Item[]): Promise<void> {
  await client.query(
    `INSERT INTO ${OUR_SCHEMA}.suspended (position, relation, kind, name, restore, validate)
     SELECT last.position + item.number, item.relation, item.kind, item.name, item.restore, item.validate
       FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
              WITH ORDINALITY AS item(relation, kind, name, restore, validate, number)
      CROSS JOIN (SELECT COALESCE(pg_catalog.max(position), 0) AS position FROM ${OUR_SCHEMA}.suspended) last`,
    [
      items.map((item) => item.relation),
      items.map((item) => item.kind),
      items.map((item) => item.name),
      items.map((item) => item.restore),
      items.map((item) => item.validate),
    ],
  );
}
