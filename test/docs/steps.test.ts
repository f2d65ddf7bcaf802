import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { z } from 'zod';
import { project, textOf, documents, where, yaml } from './blocks.ts';

// A step or a job that is copied out of a document names what is there, by commits.

const usesSchema = z.looseObject({
  uses: z.string(),
  with: z.record(z.string(), z.unknown()).optional(),
  secrets: z.record(z.string(), z.unknown()).optional(),
});
type Uses = z.infer<typeof usesSchema>;

/** Every step and every call of a workflow, at whatever depth of a fragment. */
function usesIn(node: unknown): Uses[] {
  if (typeof node !== 'object' || node === null) return [];
  const own = usesSchema.safeParse(node);
  return [...(own.success ? [own.data] : []), ...Object.values(node).flatMap(usesIn)];
}

const named = yaml.flatMap((block) =>
  usesIn(parse(block.text)).map((uses) => ({ place: where(block), uses })),
);

const declaredSchema = z.looseObject({
  inputs: z.record(z.string(), z.unknown()).optional(),
  on: z
    .looseObject({
      workflow_call: z
        .looseObject({
          inputs: z.record(z.string(), z.unknown()).optional(),
          secrets: z.record(z.string(), z.unknown()).optional(),
        })
        .nullish(),
    })
    .optional(),
});

/** What the action or workflow of ours takes; undefined where it is not there. */
function declared(path: string): { inputs: string[]; secrets: string[] } | undefined {
  const file = join(project, path.endsWith('.yml') ? path : `${path}/action.yml`);
  if (!existsSync(file)) return undefined;
  const { inputs, on } = declaredSchema.parse(parse(readFileSync(file, 'utf8')));
  return {
    inputs: Object.keys(inputs ?? on?.workflow_call?.inputs ?? {}),
    secrets: Object.keys(on?.workflow_call?.secrets ?? {}),
  };
}

function faultsOf({ uses, with: given = {}, secrets = {} }: Uses): string[] {
  const path = /^OWNER\/heroku-to-digitalocean\/([^@]+)@/.exec(uses)?.[1] ?? /^\$\/(.+)$/.exec(uses)?.[1];
  if (path === undefined) return [];
  const takes = declared(path);
  if (takes === undefined) return [`${uses} is not there`];
  // The dots of what a fragment leaves out.
  const names = Object.keys(given).filter((name) => name !== '…');
  return [
    ...names.filter((name) => !takes.inputs.includes(name)).map((name) => `${uses} takes no "${name}"`),
    ...Object.keys(secrets)
      .filter((name) => !takes.secrets.includes(name))
      .map((name) => `${uses} takes no secret ${name}`),
  ];
}

test('each step and each call in a document gives only what the action or the workflow takes', () => {
  const own = named.filter(({ uses }) => uses.uses.startsWith('OWNER/'));
  expect(own.length).toBeGreaterThan(15);
  expect(named.flatMap(({ place, uses }) => faultsOf(uses).map((fault) => `${place}: ${fault}`))).toEqual([]);
});

test('an input that is not there is found out', () => {
  const assess = 'OWNER/heroku-to-digitalocean/actions/assess@SHA';
  expect(faultsOf({ uses: assess, with: { environment: 'x', '…': null } })).toEqual([]);
  expect(faultsOf({ uses: assess, with: { enviroment: 'x' } })).toEqual([`${assess} takes no "enviroment"`]);
  const gone = 'OWNER/heroku-to-digitalocean/actions/asses@SHA';
  expect(faultsOf({ uses: gone })).toEqual([`${gone} is not there`]);
});

test('whoever copies a step copies a commit: of others the one that our own workflows use, of ours the one they reviewed', () => {
  const pins = new Set(
    ['migrate.yml', 'ci.yml', 'prepare.yml'].flatMap((name) =>
      [
        ...readFileSync(join(project, '.github/workflows', name), 'utf8').matchAll(
          /uses: (\S+@[0-9a-f]{40} # v\d+\.\d+\.\d+)$/gm,
        ),
      ].map(([, pin]) => pin),
    ),
  );
  const loose = documents.flatMap((document) =>
    [...textOf(document).matchAll(/^[ -]*uses: (.*)$/gm)].flatMap(([, uses = '']) =>
      pins.has(uses) || /^OWNER\/heroku-to-digitalocean\/\S+@SHA # v1\.0\.0$/.test(uses)
        ? []
        : [`${document}: ${uses}`],
    ),
  );
  expect(loose).toEqual([]);
});
