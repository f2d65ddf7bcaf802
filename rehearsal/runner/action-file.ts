import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { ConfigurationError } from '../../src/errors.ts';

const action = z.looseObject({
  name: z.string(),
  inputs: z
    .record(
      z.string(),
      z.looseObject({
        default: z.union([z.string(), z.number(), z.boolean()]).optional(),
        required: z.boolean().optional(),
      }),
    )
    .nullish(),
  outputs: z.record(z.string(), z.unknown()).nullish(),
  runs: z.looseObject({
    using: z.string(),
    main: z.string().optional(),
    post: z.string().optional(),
    'post-if': z.string().optional(),
    pre: z.string().optional(),
  }),
});

/** A JavaScript action as its `action.yml` describes it. */
export interface ActionFile {
  name: string;
  folder: string;
  /** Input name → default, as written (it may hold expressions). */
  inputs: Record<string, string>;
  outputs: string[];
  main: string;
  post?: { file: string; condition: string };
}

/** Reads `action.yml` in a folder. Only `node24` actions can be run here; anything else is said and refused. */
export function readAction(folder: string): ActionFile {
  const path = ['action.yml', 'action.yaml']
    .map((name) => join(folder, name))
    .find((file) => existsSync(file));
  if (path === undefined) throw new ConfigurationError(`There is no action.yml in ${folder}.`);
  const parsed = action.safeParse(parse(readFileSync(path, 'utf8')));
  if (!parsed.success) throw new ConfigurationError(`${path}: ${z.prettifyError(parsed.error)}`);
  const { name, inputs, outputs, runs } = parsed.data;
  if (runs.using !== 'node24' || runs.main === undefined) {
    throw new ConfigurationError(
      `${path}: this runner runs node24 actions; "using: ${runs.using}" would need a built-in.`,
    );
  }
  if (runs.pre !== undefined) throw new ConfigurationError(`${path}: "pre" steps are not played.`);
  const main = resolve(folder, runs.main);
  if (!existsSync(main))
    throw new ConfigurationError(`${path} names ${main}, which is not there. Run "npm run build".`);
  return {
    name,
    folder,
    inputs: Object.fromEntries(
      Object.entries(inputs ?? {}).map(([key, input]) => [
        key,
        input.default === undefined ? '' : String(input.default),
      ]),
    ),
    outputs: Object.keys(outputs ?? {}),
    main,
    ...(runs.post === undefined
      ? {}
      : { post: { file: resolve(folder, runs.post), condition: runs['post-if'] ?? 'always()' } }),
  };
}
