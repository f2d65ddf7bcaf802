import type pg from 'pg';
import { questions, type ObstacleKind } from './obstacle-questions.ts';

export type { ObstacleKind } from './obstacle-questions.ts';

/** One object that a move has something to say about. */
export interface FoundObject {
  /** `schema.name` where it lies in a schema. */
  name: string;
  /** What matters about it; the names are those of the kind's question. */
  detail: Record<string, string | number | boolean | null>;
}

export interface FoundObjects {
  count: number;
  /** The first of them, by name. */
  examples: FoundObject[];
}

export type Obstacles = Record<ObstacleKind, FoundObjects>;

/** Of one kind; the others are counted. */
const MOST_EXAMPLES = 50;

/**
 * Asks the catalogues for everything that a restore by a role without superuser, or a copy of ours, has something to say
 * about: one statement for all kinds, which touches no table of the application.
 */
export async function readObstacles(client: pg.Client): Promise<Obstacles> {
  const asked = questions();
  const { rows } = await client.query<{
    kind: ObstacleKind;
    total: number;
    name: string;
    detail: FoundObject['detail'];
  }>(
    `SELECT kind, total, name, detail
       FROM (SELECT kind, name, detail, pg_catalog.count(*) OVER (PARTITION BY kind)::integer AS total,
                    pg_catalog.row_number() OVER (PARTITION BY kind ORDER BY name, detail::text) AS position
               FROM (${asked
                 .map(
                   ([kind, sql]) =>
                     `SELECT '${kind}'::text AS kind, asked.name::text AS name, asked.detail FROM (${sql}) AS asked`,
                 )
                 .join('\nUNION ALL\n')}) AS everything) AS numbered
      WHERE position <= ${MOST_EXAMPLES}
      ORDER BY kind, position`,
  );
  const found = Object.fromEntries(
    asked.map(([kind]) => [kind, { count: 0, examples: [] as FoundObject[] }]),
  ) as Obstacles;
  for (const { kind, total, name, detail } of rows) {
    found[kind].count = total;
    found[kind].examples.push({ name, detail });
  }
  return found;
}
