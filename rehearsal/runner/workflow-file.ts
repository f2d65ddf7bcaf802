import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { ConfigurationError } from '../../src/errors.ts';

/** What the runner understands of a workflow file. An unknown key is refused, so that nothing is silently not played. */
const text = z.string();
const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const values = z.record(z.string(), scalar);
const condition = z.union([z.string(), z.boolean()]);
const amount = z.union([z.number(), z.string()]);
const permissions = z.union([
  z.enum(['read-all', 'write-all']),
  z.record(z.string(), z.enum(['read', 'write', 'none'])),
  z.null().transform((): Record<string, 'none'> => ({})),
]);
const concurrency = z.union([
  text,
  z.strictObject({ group: text, 'cancel-in-progress': condition.optional(), queue: text.optional() }),
]);
const defaults = z.strictObject({
  run: z.strictObject({ shell: text.optional(), 'working-directory': text.optional() }).optional(),
});

const step = z.strictObject({
  id: text.optional(),
  name: text.optional(),
  if: condition.optional(),
  uses: text.optional(),
  run: text.optional(),
  with: values.optional(),
  env: values.optional(),
  shell: text.optional(),
  'working-directory': text.optional(),
  'continue-on-error': condition.optional(),
  'timeout-minutes': amount.optional(),
});

const job = z.strictObject({
  name: text.optional(),
  needs: z.union([text, z.array(text)]).optional(),
  if: condition.optional(),
  'runs-on': z.unknown().optional(),
  permissions: permissions.optional(),
  environment: z
    .union([text, z.strictObject({ name: text, url: text.optional(), deployment: condition.optional() })])
    .optional(),
  concurrency: concurrency.optional(),
  outputs: z.record(z.string(), text).optional(),
  env: values.optional(),
  defaults: defaults.optional(),
  strategy: z
    .strictObject({
      matrix: z.union([text, z.record(z.string(), z.unknown())]),
      'fail-fast': condition.optional(),
      'max-parallel': amount.optional(),
    })
    .optional(),
  'continue-on-error': condition.optional(),
  'timeout-minutes': amount.optional(),
  steps: z.array(step).optional(),
  uses: text.optional(),
  with: values.optional(),
  secrets: z.union([z.literal('inherit'), z.record(z.string(), text)]).optional(),
});

const input = z.strictObject({
  description: text.optional(),
  required: z.boolean().optional(),
  default: scalar.optional(),
  type: z.enum(['string', 'boolean', 'number', 'choice', 'environment']).optional(),
  options: z.array(text).optional(),
  deprecationMessage: text.optional(),
});
const inputs = z.record(z.string(), input);

const call = z.strictObject({
  inputs: inputs.optional(),
  secrets: z
    .record(
      z.string(),
      z.strictObject({ description: text.optional(), required: z.boolean().optional() }).nullable(),
    )
    .optional(),
  outputs: z.record(z.string(), z.strictObject({ description: text.optional(), value: text })).optional(),
});

const triggers = z.looseObject({
  workflow_dispatch: z.strictObject({ inputs: inputs.optional() }).nullish(),
  workflow_call: call.nullish(),
  schedule: z.array(z.strictObject({ cron: text, timezone: text.optional() })).optional(),
});

const workflow = z.strictObject({
  name: text.optional(),
  'run-name': text.optional(),
  on: z.union([
    text.transform((name): Record<string, unknown> => ({ [name]: null })),
    z
      .array(text)
      .transform((names): Record<string, unknown> => Object.fromEntries(names.map((name) => [name, null]))),
    z.record(z.string(), z.unknown()),
  ]),
  permissions: permissions.optional(),
  env: values.optional(),
  defaults: defaults.optional(),
  concurrency: concurrency.optional(),
  jobs: z.record(z.string(), job),
});

export type StepDefinition = z.infer<typeof step>;
export type JobDefinition = z.infer<typeof job>;
export type InputDefinition = z.infer<typeof input>;
export type Permissions = z.infer<typeof permissions>;
export type Triggers = z.infer<typeof triggers>;
export type WorkflowDefinition = Omit<z.infer<typeof workflow>, 'on' | 'name'> & {
  name: string;
  on: Triggers;
  /** Path of the file. */
  path: string;
  /** The repository that holds the file: what `$/` in it means. */
  root: string;
};

/** Reads a workflow file. Throws ConfigurationError naming each key that it does not know or that has a wrong type. */
export function readWorkflow(path: string, root: string): WorkflowDefinition {
  if (!existsSync(path)) throw new ConfigurationError(`There is no workflow file ${path}.`);
  const document = parseDocument(readFileSync(path, 'utf8'));
  const [broken] = document.errors;
  if (broken) throw new ConfigurationError(`${path} is not valid YAML: ${broken.message}`);
  const parsed = workflow.safeParse(document.toJS());
  if (!parsed.success) throw new ConfigurationError(`${path}: ${z.prettifyError(parsed.error)}`);
  const on = triggers.safeParse(parsed.data.on);
  if (!on.success) throw new ConfigurationError(`${path}, on: ${z.prettifyError(on.error)}`);
  return { ...parsed.data, on: on.data, name: parsed.data.name ?? basename(path), path, root };
}

export function needsOf(definition: JobDefinition): string[] {
  return typeof definition.needs === 'string' ? [definition.needs] : (definition.needs ?? []);
}
