import { FOREIGN_KEY, foreignKeyStatements } from './foreign-keys.ts';
import { quoteIdentifier, quoteQualified } from './names.ts';
import { titleOf, type SchemaEntry } from './schema-archive.ts';
import type { Item } from './suspended-list.ts';

/** Shown at once when its rows are there, but it may take long: together with what is validated while the side is open. */
const MATERIALIZED_VIEW = 'MATERIALIZED VIEW DATA';

/** One identifier as pg_dump writes it. */
const IDENTIFIER = '(?:"(?:[^"]|"")+"|[^\\s."]+)';
/** pg_dump writes ONLY for every table but a partitioned one, whose constraint goes to its partitions. */
const ADD_FOREIGN_KEY = new RegExp(
  `^ALTER TABLE (ONLY )?(${IDENTIFIER})\\.(${IDENTIFIER})\\s+ADD CONSTRAINT (${IDENTIFIER}) (FOREIGN KEY [^]*);$`,
);

function itemOfEntry(entry: Pick<SchemaEntry, 'kind' | 'schema' | 'name' | 'sql'>): Item {
  const sql = entry.sql.trim();
  if (entry.kind === FOREIGN_KEY) {
    const [, only, schema, table, name, definition] = ADD_FOREIGN_KEY.exec(sql) ?? [];
    if (schema === undefined || table === undefined || name === undefined || definition === undefined)
      throw new Error(`The foreign key ${titleOf(entry)} is written in a way that is not understood: ${sql}`);
    const relation = quoteQualified(unquote(schema), unquote(table));
    return {
      relation,
      kind: FOREIGN_KEY,
      name: unquote(name),
      ...foreignKeyStatements({
        relation,
        name,
        add: `ALTER TABLE ${only ?? ''}${relation} ADD CONSTRAINT ${quoteIdentifier(unquote(name))} ${definition}`,
        commented: '',
        valid: !/ NOT (VALID|ENFORCED)$/.test(definition),
        partitioned: only === undefined,
      }),
    };
  }
  const item = { relation: titleOf(entry), kind: entry.kind, name: entry.name };
  return entry.kind === MATERIALIZED_VIEW
    ? { ...item, restore: '', validate: sql }
    : { ...item, restore: sql, validate: null };
}

const COMMENT_ON_CONSTRAINT = new RegExp(
  `^COMMENT ON CONSTRAINT (${IDENTIFIER}) ON (${IDENTIFIER})\\.(${IDENTIFIER}) IS `,
);

/** The list for the end of a dump. A comment on a constraint that comes with its validation comes with it. */
export function itemsOfEntries(entries: Pick<SchemaEntry, 'kind' | 'schema' | 'name' | 'sql'>[]): Item[] {
  const items: Item[] = [];
  for (const entry of entries) {
    const [, name, schema, table] = COMMENT_ON_CONSTRAINT.exec(entry.sql.trim()) ?? [];
    const relation = quoteQualified(unquote(schema ?? ''), unquote(table ?? ''));
    const commented = items.find(
      (item) =>
        item.kind === FOREIGN_KEY &&
        item.restore === '' &&
        item.relation === relation &&
        item.name === unquote(name ?? ''),
    );
    if (commented === undefined) items.push(itemOfEntry(entry));
    else commented.validate = `${commented.validate ?? ''};\n${entry.sql.trim().replace(/;$/, '')}`;
  }
  return items;
}

function unquote(identifier: string): string {
  return identifier.startsWith('"') ? identifier.slice(1, -1).replaceAll('""', '"') : identifier;
}
