import type pg from 'pg';
import { GRANTS } from './catalogue-grants.ts';
import { KINDS } from './catalogue-kinds.ts';
import { withFlatChains } from './chains.ts';

/** Each object of the application by kind and name, with the text that defines it; owners and grants left out. */
export type Catalogue = Map<string, { definition: string; quotable: boolean }>;

/** An object that is not the same on both sides. */
export interface Difference {
  how: 'missing' | 'additional' | 'different';
  /** Kind and name: `index public.orders_open`. */
  object: string;
  /** For people: `missing on the target: index public.orders_open`. */
  line: string;
}

/**
 * A difference that is there on purpose: its object's kind and name, its line, or an expression that its line matches.
 */
export type Announced = string | RegExp;

/**
 * What differs on purpose while a target is followed: foreign keys (also those that stand on partitions for now, or are
 * not yet validated), triggers, rules and row security are out of the way of our writes, with their comments, and
 * materialized views are filled at the end.
 */
export const SUSPENDED_WHILE_LIVE: RegExp[] = [
  /^(missing on the target|only on the target|different): (foreign key|trigger|rule|policy) /,
  /^(missing on the target|different): row security of /,
  /^different: content of materialized view /,
  /^missing on the target: comment on (table constraint|trigger|rule|policy) /,
];

/**
 * Reads what the application has in a database, object by object. `sameMajor`: the other side runs the same major
 * version, so that the texts of views, rules and extended statistics can be compared too.
 */
export async function readCatalogue(client: pg.Client, sameMajor: boolean): Promise<Catalogue> {
  // All kinds in one round trip.
  const questions = KINDS.map(
    (kind, index) =>
      `SELECT ${index} AS kind, asked.object::text, asked.definition::text FROM (${kind.sql}) AS asked`,
  );
  const { rows } = await client.query<{ kind: number; object: string; definition: string | null }>(
    questions.join('\nUNION ALL\n'),
  );
  const catalogue: Catalogue = new Map();
  for (const row of rows) {
    const kind = KINDS[row.kind];
    catalogue.set(row.object, {
      definition: kind?.perMajor === true && !sameMajor ? '' : (row.definition ?? ''),
      quotable: kind?.unquotable !== true,
    });
  }
  return catalogue;
}

/** Reads which rights on the application's objects these roles, or everyone, have been given. */
export async function readGrants(client: pg.Client, roles: string[]): Promise<Catalogue> {
  const { rows } = await client.query<{ object: string; definition: string }>(GRANTS, [roles]);
  return new Map(rows.map((row) => [row.object, { definition: row.definition, quotable: true }]));
}

/** Each object that is missing, additional or defined differently on the target. */
export function compareCatalogues(source: Catalogue, target: Catalogue): Difference[] {
  const differences: Difference[] = [];
  for (const [object, { definition, quotable }] of source) {
    const other = target.get(object);
    if (other === undefined)
      differences.push({ how: 'missing', object, line: `missing on the target: ${object}` });
    else if (
      other.definition !== definition &&
      withFlatChains(other.definition) !== withFlatChains(definition)
    )
      differences.push({
        how: 'different',
        object,
        line: quotable
          ? `different: ${object}: ${shorten(definition)} on the source, ${shorten(other.definition)} on the target`
          : `different: ${object}`,
      });
  }
  for (const object of target.keys())
    if (!source.has(object))
      differences.push({ how: 'additional', object, line: `only on the target: ${object}` });
  return differences.sort((one, other) => (one.line < other.line ? -1 : 1));
}

/** Parts what was announced from what nobody expects. */
export function splitAnnounced(
  differences: Difference[],
  announced: Announced[],
): { announced: string[]; unexpected: string[] } {
  const isAnnounced = ({ object, line }: Difference): boolean =>
    announced.some((one) => (typeof one === 'string' ? one === object || one === line : one.test(line)));
  return {
    announced: differences.filter(isAnnounced).map(({ line }) => line),
    unexpected: differences.filter((difference) => !isAnnounced(difference)).map(({ line }) => line),
  };
}

function shorten(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ');
  return `“${line.length > 160 ? `${line.slice(0, 160)}…` : line}”`;
}
