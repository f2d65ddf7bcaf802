import type pg from 'pg';
import { quoteIdentifier, quoteLiteral, quoteQualified } from './names.ts';
import type { Found, Item } from './suspended-list.ts';
import { isNoExtensionMember, isUserSchema, OUR_SCHEMA } from './user-objects.ts';

/* How foreign keys come back: from the catalogue or a dump, on partitioned tables and on their partitions. */

/** As pg_dump calls them. */
export const FOREIGN_KEY = 'FK CONSTRAINT';

/**
 * Foreign keys, partitions' before their parents'. Those that Postgres keeps for each partition of the referenced table
 * (same referencing table as their parent) come and go with it.
 */
export async function readForeignKeys(client: pg.Client): Promise<Found[]> {
  const { rows } = await client.query<{
    schema: string;
    relation: string;
    name: string;
    definition: string;
    valid: boolean;
    partitioned: boolean;
    inherited: boolean;
    comment: string | null;
  }>(`
    SELECT n.nspname AS schema, c.relname AS relation, k.conname AS name,
           pg_catalog.pg_get_constraintdef(k.oid) AS definition, k.convalidated AS valid,
           c.relkind = 'p' AS partitioned, k.conparentid <> 0 AS inherited,
           pg_catalog.obj_description(k.oid, 'pg_constraint') AS comment
      FROM pg_catalog.pg_constraint k
      JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_catalog.pg_constraint parent ON parent.oid = k.conparentid
     WHERE k.contype = 'f' AND ${isUserSchema('n.nspname')} AND ${isNoExtensionMember('pg_class', 'c.oid')}
       AND (k.conparentid = 0 OR parent.conrelid <> k.conrelid)
     ORDER BY (SELECT pg_catalog.count(*) FROM pg_catalog.pg_partition_ancestors(c.oid)) DESC, k.oid`);
  return rows.map((row) => {
    const relation = quoteQualified(row.schema, row.relation);
    const name = quoteIdentifier(row.name);
    const commented =
      row.comment === null
        ? ''
        : `;\nCOMMENT ON CONSTRAINT ${name} ON ${relation} IS ${quoteLiteral(row.comment)}`;
    const add = `ALTER TABLE ${row.partitioned ? '' : 'ONLY '}${relation} ADD CONSTRAINT ${name} ${row.definition}`;
    return {
      relation,
      kind: FOREIGN_KEY,
      name: row.name,
      ...foreignKeyStatements({
        relation,
        name,
        add,
        commented,
        valid: row.valid,
        partitioned: row.partitioned,
      }),
      takeAway: row.inherited ? '' : `ALTER TABLE ${relation} DROP CONSTRAINT ${name}`,
    };
  });
}

export function foreignKeyStatements(key: {
  relation: string;
  name: string;
  add: string;
  commented: string;
  valid: boolean;
  partitioned: boolean;
}): { restore: string; validate: string | null } {
  // One that was never validated comes back like that; its definition says so.
  if (!key.valid) return { restore: key.add + key.commented, validate: null };
  if (key.partitioned) return { restore: '', validate: key.add + key.commented };
  return {
    restore: `${key.add} NOT VALID${key.commented}`,
    validate: `ALTER TABLE ${key.relation} VALIDATE CONSTRAINT ${key.name}`,
  };
}

/** A partition that holds rows, of a table whose foreign key is on the list and cannot come back before its partitions'. */
export interface Partition {
  name: string;
  schema: string;
  leaf: string;
  validate: string;
}

export const PARTITIONS = `
  SELECT s.name, s.validate, n.nspname AS schema, c.relname AS leaf
    FROM ${OUR_SCHEMA}.suspended s
   CROSS JOIN LATERAL pg_catalog.pg_partition_tree(
           CASE WHEN s.kind = '${FOREIGN_KEY}' THEN s.relation::pg_catalog.regclass END) tree
    JOIN pg_catalog.pg_class c ON c.oid = tree.relid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE s.kind = '${FOREIGN_KEY}' AND s.state = 'suspended' AND s.restore = '' AND tree.isleaf AND c.relkind = 'r'
   ORDER BY s.position, c.oid`;

/**
 * A partitioned table's foreign key from a dump becomes one for each partition that holds rows, under the same name.
 */
export function spreadOverPartitions(listed: Item[], partitions: Partition[]): Item[] {
  return partitions.flatMap(({ name, schema, leaf: table, validate: sql }): Item[] => {
    const leaf = quoteQualified(schema, table);
    const definition = definitionOf({ name, restore: '', validate: sql });
    // A partition may have brought it along under a name of its own.
    const has = listed.some(
      (item) => item.kind === FOREIGN_KEY && item.relation === leaf && definitionOf(item) === definition,
    );
    if (has) return [];
    return [
      {
        relation: leaf,
        kind: FOREIGN_KEY,
        name,
        ...foreignKeyStatements({
          relation: leaf,
          name: quoteIdentifier(name),
          add: `ALTER TABLE ONLY ${leaf} ADD CONSTRAINT ${quoteIdentifier(name)} ${definition}`,
          commented: '',
          valid: true,
          partitioned: false,
        }),
      },
    ];
  });
}

/** What a foreign key on the list says, apart from its table and name. */
function definitionOf(item: Pick<Item, 'name' | 'restore' | 'validate'>): string {
  const add = item.restore === '' ? (item.validate ?? '') : item.restore;
  const name = `ADD CONSTRAINT ${quoteIdentifier(item.name)} `;
  return add
    .slice(add.indexOf(name) + name.length)
    .replace(/;\nCOMMENT ON CONSTRAINT [^]*$/, '')
    .replace(/ NOT VALID$/, '');
}
