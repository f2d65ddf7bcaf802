import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

const actionFile = z.strictObject({
  name: z.string(),
  description: z.string(),
  author: z.string(),
  branding: z.strictObject({ icon: z.string(), color: z.string() }),
  inputs: z.record(
    z.string(),
    z.strictObject({
      description: z.string(),
      required: z.boolean().optional(),
      // The runner turns everything into text, so what is not text in the file would be read in a surprising way.
      default: z.string().optional(),
    }),
  ),
  outputs: z.record(z.string(), z.strictObject({ description: z.string() })),
  runs: z.strictObject({
    using: z.string(),
    main: z.string(),
    post: z.string().optional(),
    'post-if': z.string().optional(),
  }),
});

/** What an `action.yml` of this project holds. */
export type ActionFile = z.infer<typeof actionFile>;

/** The names of the folders in `actions/`, sorted. `root` is the project's folder. */
export function actionNames(root: string): string[] {
  return readdirSync(join(root, 'actions'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

/** Reads `actions/<name>/action.yml`; throws an Error that names the file and each key that is wrong. */
export function readActionFile(root: string, name: string): ActionFile {
  const path = `actions/${name}/action.yml`;
  const read = actionFile.safeParse(parse(readFileSync(join(root, path), 'utf8')));
  if (read.success) return read.data;
  throw new Error(
    [
      `${path}:`,
      ...read.error.issues.map((issue) => `  ${issue.path.join('.') || 'file'}: ${issue.message}`),
    ].join('\n'),
  );
}
