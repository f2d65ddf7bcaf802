import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMap, isPair, isScalar, isSeq, parse, parseDocument, visit } from 'yaml';
import { needsOf, readWorkflow } from '../../rehearsal/runner/workflow-file.ts';
import type { JobDefinition, WorkflowDefinition } from '../../rehearsal/runner/workflow-file.ts';

/** What every workflow of ours must hold. Each rule returns what is wrong, in words, and nothing when all is well. */
export type Rule = (path: string, root: string) => string[];

const ownRepository = /^(?:\$\/|\.\/|OWNER\/heroku-to-digitalocean\/)/u;

interface ActionDescription {
  inputs?: Record<string, { required?: boolean; default?: unknown }>;
  outputs?: Record<string, unknown>;
}

/** `permissions: {}` on top; what a job is granted stands with the job, each grant with its reason. */
export const permissionsAreReasoned: Rule = (path, root) => {
  const workflow = readWorkflow(path, root);
  const problems: string[] = [];
  if (JSON.stringify(workflow.permissions) !== '{}') problems.push('no "permissions: {}" at the top');
  for (const [key, job] of Object.entries(workflow.jobs)) {
    if (job.permissions === undefined) problems.push(`job ${key} has no permissions of its own`);
  }
  visit(parseDocument(readFileSync(path, 'utf8')), {
    Pair: (_key, pair) => {
      if (!isScalar(pair.key) || pair.key.value !== 'permissions' || !isMap(pair.value)) return;
      for (const grant of pair.value.items) {
        const reason = isPair(grant) && isScalar(grant.value) ? grant.value.comment : undefined;
        if ((reason ?? '').trim() === '')
          problems.push(`the grant ${String(grant.key)} has no reason beside it`);
      }
    },
  });
  return problems;
};

/** A third party's action is named by commit, with its version beside it. */
export const actionsArePinned: Rule = (path) =>
  readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const uses = /^\s*(?:- )?uses: (\S+)(.*)$/u.exec(line);
      if (!uses || ownRepository.test(uses[1] ?? '')) return [];
      const pinned = /@[0-9a-f]{40}$/u.test(uses[1] ?? '') && /^ # v\d+\.\d+\.\d+$/u.test(uses[2] ?? '');
      return pinned ? [] : [`not pinned by commit with its version beside it: ${line.trim()}`];
    });

/** A value reaches a script through its environment, never by being written into it. */
export const scriptsHoldNoExpression: Rule = (path, root) =>
  stepsOf(readWorkflow(path, root)).flatMap(({ job, step }) =>
    step.run?.includes('${{') === true ? [`job ${job}: an expression inside a run script`] : [],
  );

/** No job can hang for GitHub's six hours, no checkout leaves a token behind, and nothing is cancelled half-way. */
export const jobsAreBounded: Rule = (path, root) => {
  const workflow = readWorkflow(path, root);
  const problems: string[] = [];
  for (const [key, job] of Object.entries(workflow.jobs)) {
    if (job.uses === undefined && job['timeout-minutes'] === undefined)
      problems.push(`job ${key} has no timeout`);
  }
  for (const { job, step } of stepsOf(workflow)) {
    const checkout = step.uses?.startsWith('actions/checkout@') === true;
    if (checkout && step.with?.['persist-credentials'] !== false)
      problems.push(`job ${job}: checkout keeps its credentials`);
  }
  return problems;
};

/** Every `with:` key, secret, output, need and step that is named exists where it is said to. */
export const referencesExist: Rule = (path, root) => {
  const workflow = readWorkflow(path, root);
  return Object.entries(workflow.jobs).flatMap(([key, job]) =>
    [...wrongInputs(job, root), ...wrongReferences(workflow, job, root)].map(
      (problem) => `job ${key}: ${problem}`,
    ),
  );
};

function wrongInputs(job: JobDefinition, root: string): string[] {
  const problems: string[] = [];
  const compare = (
    what: string,
    given: string[],
    declared: Record<string, { required?: boolean | undefined; default?: unknown }>,
  ) => {
    for (const name of given) if (!(name in declared)) problems.push(`${what} has no "${name}"`);
    for (const [name, input] of Object.entries(declared)) {
      if (input.required === true && input.default === undefined && !given.includes(name))
        problems.push(`${what} needs "${name}"`);
    }
  };
  const called = calledWorkflow(job, root);
  if (called) {
    compare(job.uses ?? '', Object.keys(job.with ?? {}), called.on.workflow_call?.inputs ?? {});
    const secrets = called.on.workflow_call?.secrets ?? {};
    const declared = Object.fromEntries(
      Object.entries(secrets).map(([name, secret]) => [name, secret ?? {}]),
    );
    if (job.secrets === 'inherit') problems.push('hands on every secret');
    else compare(`${job.uses ?? ''} (secrets)`, Object.keys(job.secrets ?? {}), declared);
  }
  for (const step of job.steps ?? []) {
    const action = ownAction(step.uses, root);
    if (action) compare(step.uses ?? '', Object.keys(step.with ?? {}), action.inputs ?? {});
  }
  return problems;
}

function wrongReferences(workflow: WorkflowDefinition, job: JobDefinition, root: string): string[] {
  const text = JSON.stringify(job);
  const problems: string[] = [];
  for (const [, need = '', output = ''] of text.matchAll(/needs\.([\w-]+)\.outputs\.([\w-]+)/gu)) {
    const needed = workflow.jobs[need];
    if (!needsOf(job).includes(need) || !needed) problems.push(`needs.${need} is not among its needs`);
    else if (!outputsOf(needed, root).includes(output)) problems.push(`${need} has no output "${output}"`);
  }
  const steps = new Map((job.steps ?? []).map((step) => [step.id, step]));
  for (const [, id = '', output = ''] of text.matchAll(/steps\.([\w-]+)\.outputs\.([\w-]+)/gu)) {
    const step = steps.get(id);
    if (!step) problems.push(`there is no step "${id}"`);
    const action = ownAction(step?.uses, root);
    if (action && !(output in (action.outputs ?? {})))
      problems.push(`${step?.uses ?? ''} has no output "${output}"`);
    if (step?.run !== undefined && !step.run.includes(`${output}=`))
      problems.push(`the step "${id}" writes no "${output}"`);
  }
  const inputs = { ...workflow.on.workflow_dispatch?.inputs, ...workflow.on.workflow_call?.inputs };
  for (const [, input = ''] of text.matchAll(/inputs\.([\w-]+)/gu)) {
    if (!(input in inputs)) problems.push(`the workflow has no input "${input}"`);
  }
  const declared = workflow.on.workflow_call?.secrets;
  for (const [, secret = ''] of text.matchAll(/secrets\.(\w+)/gu)) {
    if (declared && secret !== 'GITHUB_TOKEN' && !(secret in declared))
      problems.push(`the secret ${secret} is not declared`);
  }
  for (const [, name = ''] of text.matchAll(/\benv\.(\w+)/gu)) {
    if (!(name in { ...workflow.env, ...job.env })) problems.push(`env has no ${name}`);
  }
  return problems;
}

function outputsOf(job: JobDefinition, root: string): string[] {
  const called = calledWorkflow(job, root);
  return Object.keys((called ? called.on.workflow_call?.outputs : job.outputs) ?? {});
}

/** Outputs that a called workflow promises come from jobs and outputs that it has. */
export const promisedOutputsExist: Rule = (path, root) => {
  const workflow = readWorkflow(path, root);
  return Object.values(workflow.on.workflow_call?.outputs ?? {}).flatMap(({ value }) =>
    [...value.matchAll(/jobs\.([\w-]+)\.outputs\.([\w-]+)/gu)].flatMap(
      ([reference, key = '', output = '']) => {
        const job = workflow.jobs[key];
        return job && outputsOf(job, root).includes(output) ? [] : [`${reference} does not exist`];
      },
    ),
  );
};

/** A caller grants at least what each job that it calls asks for, or GitHub would not start the run. */
export const callersGrantEnough: Rule = (path, root) => {
  const workflow = readWorkflow(path, root);
  return Object.entries(workflow.jobs).flatMap(([key, job]) =>
    grantedWithin(job, root).flatMap(([scope, level]) => {
      const granted = typeof job.permissions === 'object' ? job.permissions[scope] : undefined;
      return granted === level || granted === 'write'
        ? []
        : [`job ${key} does not grant "${scope}: ${level}", which is asked for below it`];
    }),
  );
};

function grantedWithin(job: JobDefinition, root: string): [scope: string, level: string][] {
  const called = calledWorkflow(job, root);
  if (!called) return [];
  return Object.values(called.jobs).flatMap((inner) => [
    ...(typeof inner.permissions === 'object' ? Object.entries(inner.permissions) : []),
    ...grantedWithin(inner, root),
  ]);
}

/** The names of the jobs that stand in a GitHub environment, literally. */
export function jobsNaming(environment: string, path: string, root: string): string[] {
  return Object.entries(readWorkflow(path, root).jobs)
    .filter(
      ([, job]) =>
        (typeof job.environment === 'string' ? job.environment : job.environment?.name) === environment,
    )
    .map(([key]) => key);
}

/** Secrets appear only in `with:` of a step that needs them, or are passed on by name; never in an environment variable. */
export const secretsAreInputsOnly: Rule = (path, root) => {
  const workflow = readWorkflow(path, root);
  const problems = Object.entries(workflow.env ?? {}).flatMap(([name, value]) =>
    mentions(`env ${name}`, value),
  );
  for (const [key, job] of Object.entries(workflow.jobs)) {
    for (const place of [job.env, job.with, job.outputs, ...(job.steps ?? []).map(({ env }) => env)]) {
      problems.push(
        ...Object.entries(place ?? {}).flatMap(([name, value]) => mentions(`job ${key}, ${name}`, value)),
      );
    }
  }
  return problems;
};

function mentions(where: string, value: unknown): string[] {
  return typeof value === 'string' && value.includes('secrets.') ? [`${where} holds a secret`] : [];
}

function stepsOf(workflow: WorkflowDefinition) {
  return Object.entries(workflow.jobs).flatMap(([job, { steps = [] }]) =>
    steps.map((step) => ({ job, step })),
  );
}

function calledWorkflow(job: JobDefinition, root: string): WorkflowDefinition | undefined {
  if (job.uses === undefined) return undefined;
  const path = join(root, job.uses.replace(ownRepository, '').replace(/@.*$/u, ''));
  return readWorkflow(path, root);
}

function ownAction(uses: string | undefined, root: string): ActionDescription | undefined {
  if (uses === undefined || !ownRepository.test(uses)) return undefined;
  const path = join(root, uses.replace(ownRepository, '').replace(/@.*$/u, ''), 'action.yml');
  if (!existsSync(path)) return { inputs: {}, outputs: {} };
  return parse(readFileSync(path, 'utf8')) as ActionDescription;
}

/** Cron expressions that do not stand on the hour, where schedules are late or dropped. */
export const schedulesAvoidTheHour: Rule = (path) => {
  const document = parseDocument(readFileSync(path, 'utf8'));
  const schedules = document.getIn(['on', 'schedule']);
  if (!isSeq(schedules)) return [];
  return (schedules.toJSON() as { cron: string }[]).flatMap(({ cron }) =>
    /^[1-9]/u.test(cron) ? [] : [`${cron} is on the hour`],
  );
};
