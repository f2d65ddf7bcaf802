import { z } from 'zod';

/** The parts of a plan that are looked at here (EXPLAIN, FORMAT JSON); the rest varies with the version. */
interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string | undefined;
  Schema?: string | undefined;
  Alias?: string | undefined;
  'Index Name'?: string | undefined;
  Operation?: string | undefined;
  'Shared Hit Blocks'?: number | undefined;
  'Shared Read Blocks'?: number | undefined;
  Plans?: PlanNode[] | undefined;
}
const node: z.ZodType<PlanNode> = z.lazy(() =>
  z.looseObject({
    'Node Type': z.string(),
    'Relation Name': z.string().optional(),
    Schema: z.string().optional(),
    Alias: z.string().optional(),
    'Index Name': z.string().optional(),
    Operation: z.string().optional(),
    'Shared Hit Blocks': z.number().optional(),
    'Shared Read Blocks': z.number().optional(),
    Plans: z.array(node).optional(),
  }),
);
const explained = z.tuple([z.looseObject({ Plan: node, 'Execution Time': z.number().optional() })]);

/** A plan, and what it took where it was run. */
export interface Explained {
  nodes: PlanNode[];
  /** How rows are reached, one entry a table: "Index Scan on orders using orders_user_id". */
  ways: string[];
  /** By the name that conditions use. */
  relations: Map<string, { schema: string; name: string }>;
  /** Every expression in the plan as text: conditions, outputs, calls. */
  expressions: string[];
  /** Those that decide which rows are read. */
  conditions: string[];
  /** Milliseconds in the server; `undefined` when it was not run. */
  executionMs: number | undefined;
  /** Blocks of 8 kB that were not in Postgres's own memory. */
  blocksRead: number;
}

/** @throws Error when this is no answer of EXPLAIN. */
export function readPlan(answer: unknown): Explained {
  const [{ Plan: root, 'Execution Time': executionMs }] = explained.parse(
    typeof answer === 'string' ? JSON.parse(answer) : answer,
  );
  const nodes = allOf(root);
  return {
    nodes,
    ways: nodes.flatMap((one) => wayOf(one)),
    relations: new Map(
      nodes.flatMap(({ Alias: alias, Schema: schema, 'Relation Name': name }) =>
        alias === undefined || name === undefined ? [] : [[alias, { schema: schema ?? '', name }] as const],
      ),
    ),
    expressions: nodes.flatMap((one) => textsOf(one, (key) => !NAMES.has(key))),
    conditions: nodes.flatMap((one) => textsOf(one, (key) => DECIDES.test(key))),
    executionMs,
    // Of the root: the counts of a node contain those below it.
    blocksRead: root['Shared Read Blocks'] ?? 0,
  };
}

function allOf(root: PlanNode): PlanNode[] {
  return [root, ...(root.Plans ?? []).flatMap(allOf)];
}

function wayOf({ 'Node Type': type, 'Relation Name': name, 'Index Name': index }: PlanNode): string[] {
  if (name === undefined && index === undefined) return [];
  return [`${type}${name === undefined ? '' : ` on ${name}`}${index === undefined ? '' : ` using ${index}`}`];
}

/** Keys whose text is a name of ours or a word of Postgres's, and no expression. */
const NAMES = new Set([
  ...['Node Type', 'Relation Name', 'Schema', 'Alias', 'Index Name', 'Parent Relationship', 'Join Type'],
  ...['Strategy', 'Scan Direction', 'Partial Mode', 'Subplan Name', 'CTE Name', 'Command', 'Operation'],
]);

/** Conditions of scans and joins, and what a function scan is called with. */
const DECIDES = /(Cond|Filter|Function Call)$/;

function textsOf(one: PlanNode, isWanted: (key: string) => boolean): string[] {
  return Object.entries(one).flatMap(([key, value]) => {
    if (key === 'Plans' || !isWanted(key)) return [];
    const values: unknown[] = Array.isArray(value) ? value : [value];
    return values.filter((text) => typeof text === 'string');
  });
}
