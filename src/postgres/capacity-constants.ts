import type pg from 'pg';
import type { Explained } from './capacity-plan.ts';
import { quoteLiteral } from './names.ts';

/** What stands for a parameter: the column that it is compared with, and how. */
interface Place {
  column: { schema: string; table: string; name: string };
  operator: string;
  /** The statement gives a whole array. */
  array: boolean;
  /** The first, second … of a list of values. */
  position: number;
}

/**
 * Literals for the parameters of a prepared statement, sampled from what Postgres knows of the columns (pg_stats), or the
 * reason why there are none. Values of the application's rows are among them: they go to the servers and nowhere else.
 *
 * An equality gets the most common value, a lower bound the last tenth, an upper bound the end. LIMIT gets as many rows
 * as a call had on average. What stands in no condition cannot change which rows are read, and gets a neutral value.
 */
export async function constantsFor(
  client: pg.Client,
  statement: { text: string; rows: number; types: readonly string[] },
  plan: Explained,
): Promise<{ literals: string[] } | { unknown: string }> {
  const conditions = plan.conditions.filter((text) => /\$\d/.test(text));
  const literals: string[] = [];
  for (const [index, type] of statement.types.entries()) {
    const parameter = `$${index + 1}`;
    const literal =
      ofLimit(statement, parameter) ??
      (await ofColumn(client, placeOf(conditions, parameter, plan))) ??
      (standsIn(conditions, parameter) ? undefined : neutral(type));
    if (literal === undefined) return { unknown: `nothing tells what stands for ${parameter} (${type})` };
    literals.push(literal);
  }
  return { literals };
}

function ofLimit({ text, rows }: { text: string; rows: number }, parameter: string): string | undefined {
  const before = new RegExp(`\\b(limit|offset|first|next)\\s+\\(?\\s*\\${parameter}(?!\\d)`, 'i').exec(
    text,
  )?.[1];
  if (before === undefined) return undefined;
  return before.toLowerCase() === 'offset' ? `'0'` : `'${Math.max(1, Math.ceil(rows))}'`;
}

function standsIn(conditions: readonly string[], parameter: string): boolean {
  return conditions.some((text) => mentions(text, parameter));
}

function mentions(text: string, parameter: string): boolean {
  return new RegExp(`\\${parameter}(?!\\d)`).test(text);
}

/** Of `((o.status)::text = $2)` the column of o, `=`; only where the parameter is compared with a bare column. */
function placeOf(
  conditions: readonly string[],
  parameter: string,
  { relations }: Explained,
): Place | undefined {
  for (const condition of conditions) {
    for (const atom of condition.split(/ (?:AND|OR) /)) {
      if (!mentions(atom, parameter)) continue;
      const [, alias, column, operator, any, list = ''] =
        /^(\w+|"[^"]+")\.(\w+|"[^"]+") (=|<>|<=?|>=?|~~\*?|!~~\*?) (ANY )?(?:ARRAY\[)?(\$\d+(?:, \$\d+)*)\]?$/.exec(
          bare(atom),
        ) ?? [];
      const relation = alias === undefined ? undefined : relations.get(unquoted(alias));
      if (relation === undefined || column === undefined || operator === undefined) continue;
      const listed = list.split(', ');
      return {
        column: { schema: relation.schema, table: relation.name, name: unquoted(column) },
        operator,
        array: any !== undefined && !atom.includes('ARRAY['),
        position: Math.max(0, listed.indexOf(parameter)),
      };
    }
  }
  return undefined;
}

/** Without casts and parentheses. */
function bare(atom: string): string {
  return atom
    .replaceAll(
      /::("[^"]+"|[\w.]+)( varying| without time zone| with time zone| precision)?(\(\d+(,\d+)?\))?(\[\])*/g,
      '',
    )
    .replaceAll(/[()]/g, '')
    .trim();
}

function unquoted(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
}

async function ofColumn(client: pg.Client, place: Place | undefined): Promise<string | undefined> {
  if (place === undefined) return undefined;
  const { schema, table, name } = place.column;
  const { rows } = await client.query<{ common: string[] | null; bounds: string[] | null }>(
    `SELECT s.most_common_vals::text::text[] AS common, s.histogram_bounds::text::text[] AS bounds
       FROM pg_catalog.pg_stats s
      WHERE s.schemaname = $1 AND s.tablename = $2 AND s.attname = $3
      ORDER BY s.inherited LIMIT 1`,
    [schema, table, name],
  );
  const { common, bounds } = rows[0] ?? { common: null, bounds: null };
  const value = sampled(place, common ?? [], bounds ?? []);
  if (value === undefined) return undefined;
  return quoteLiteral(place.array ? `{"${value.replaceAll(/["\\]/g, String.raw`\$&`)}"}` : value);
}

function sampled(
  { operator, position }: Place,
  common: readonly string[],
  bounds: readonly string[],
): string | undefined {
  const at = (share: number): string | undefined => bounds[Math.floor((bounds.length - 1) * share)];
  if (operator.startsWith('>')) return at(0.9) ?? common[0];
  if (operator.startsWith('<') && operator !== '<>') return at(1) ?? common[0];
  // The list goes on over what is less common, and then over the middle of the others.
  return (
    common[position] ??
    at(bounds.length === 0 ? 0 : Math.min(0.99, 0.5 + position / bounds.length)) ??
    common[0]
  );
}

const NEUTRAL: readonly [RegExp, string][] = [
  [/^(smallint|integer|bigint|numeric|real|double precision)$/, `'1'`],
  [/^(text|character varying|character)$/, `''`],
  [/^boolean$/, `'true'`],
];

function neutral(type: string): string | undefined {
  return NEUTRAL.find(([pattern]) => pattern.test(type))?.[1];
}
