import { quoteIdentifier } from './names.ts';
import { columnOf, rowsOfTable, type HashedTable } from './parity-hash.ts';
import type { Side } from './parity-side.ts';
import { nameOf } from './parity-tables.ts';

/** How rows of a table are found by their keys on one side. */
export interface Lookup {
  /** The key's columns with their types there, and the operator of the index that finds them. */
  columns: { name: string; type: string; equals: string }[];
}

/**
 * Reads the types of the key's columns and the operators under which the index answers. With an empty search_path the
 * equality of citext would otherwise be that of text, which its index cannot answer. A table that this side lacks, or a
 * column of it, is left out.
 */
export async function readLookups(
  side: Side,
  tables: (HashedTable & { key: string[] })[],
): Promise<Map<string, Lookup>> {
  if (tables.length === 0) return new Map();
  const wanted = tables.flatMap(({ schema, name, key }) => key.map((column) => ({ schema, name, column })));
  const { rows } = await side.clients[0].query<{
    schema: string;
    name: string;
    column: string;
    type: string;
    equals: string | null;
  }>(LOOKUPS, [
    wanted.map(({ schema }) => schema),
    wanted.map(({ name }) => name),
    wanted.map(({ column }) => column),
  ]);
  const lookups = new Map<string, Lookup>();
  for (const { schema, name, column, type, equals } of rows) {
    const table = nameOf({ schema, name });
    const lookup = lookups.get(table) ?? { columns: [] };
    lookups.set(table, lookup);
    lookup.columns.push({ name: column, type, equals: equals ?? 'OPERATOR(pg_catalog.=)' });
  }
  for (const table of tables)
    if (lookups.get(nameOf(table))?.columns.length !== table.key.length) lookups.delete(nameOf(table));
  return lookups;
}

const LOOKUPS = `
  SELECT wanted.schema, wanted.name, wanted.column, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type, op.equals
    FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS wanted(schema, name, "column", position)
    JOIN pg_catalog.pg_namespace n ON n.nspname = wanted.schema
    JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.name AND c.relkind = 'r'
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = wanted.column AND NOT a.attisdropped
    LEFT JOIN LATERAL (
          SELECT pg_catalog.format('OPERATOR(%I.%s)', opn.nspname, o.oprname) AS equals
            FROM pg_catalog.pg_index i
           CROSS JOIN LATERAL unnest(i.indkey::int2[], i.indclass::oid[]) AS k(attnum, class)
            JOIN pg_catalog.pg_opclass opc ON opc.oid = k.class
            -- Strategy 3 of a btree is equality.
            JOIN pg_catalog.pg_amop m ON m.amopfamily = opc.opcfamily AND m.amopstrategy = 3
                                     AND m.amoplefttype = opc.opcintype AND m.amoprighttype = opc.opcintype
            JOIN pg_catalog.pg_operator o ON o.oid = m.amopopr
            JOIN pg_catalog.pg_namespace opn ON opn.oid = o.oprnamespace
           WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND k.attnum = a.attnum
           ORDER BY i.indisprimary DESC, i.indexrelid
           LIMIT 1) op ON true
   ORDER BY wanted.position`;

/**
 * SQL for FROM: the rows `t` of a table with these keys. Adds one parameter a column to `values`.
 */
export function lookUp(table: HashedTable, lookup: Lookup, keys: string[][], values: string[][]): string {
  const parameters = lookup.columns.map(({ type }, index) => {
    values.push(keys.map((key) => key[index] ?? ''));
    return `$${values.length}::${type}[]`;
  });
  const names = lookup.columns.map((_column, index) => quoteIdentifier(`k${index}`));
  const conditions = lookup.columns.map(
    ({ name, equals }, index) => `${columnOf(name)} ${equals} k.${names[index] ?? ''}`,
  );
  return `unnest(${parameters.join(', ')}) AS k(${names.join(', ')})
    JOIN ${rowsOfTable(table)} ON ${conditions.join(' AND ')}`;
}
