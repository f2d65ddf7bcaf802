import { expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { parse } from 'yaml';
import { parseMigrationConfig } from '../../src/migration/config.ts';
import { parseOptions } from '../../rehearsal/options.ts';
import { readWorkflow } from '../../rehearsal/runner/workflow-file.ts';
import {
  actionsArePinned,
  callersGrantEnough,
  jobsAreBounded,
  jobsNaming,
  permissionsAreReasoned,
  promisedOutputsExist,
  referencesExist,
  schedulesAvoidTheHour,
  scriptsHoldNoExpression,
  secretsAreInputsOnly,
} from './rules.ts';
import type { Rule } from './rules.ts';

const root = join(import.meta.dirname, '../..');
const shipped = filesIn('.github/workflows');
const examples = filesIn('examples').filter((file) => basename(file) !== 'migration.yml');
const rules: [promise: string, rule: Rule][] = [
  ['grants nothing at the top and each job only what it says why', permissionsAreReasoned],
  ['pins third-party actions by commit with the version beside it', actionsArePinned],
  ['puts no expression into a script', scriptsHoldNoExpression],
  ['bounds each job in time and leaves no token in a checkout', jobsAreBounded],
  ['names only inputs, secrets, outputs and steps that exist', referencesExist],
  ['promises only outputs that exist', promisedOutputsExist],
  ['grants what the workflows that it calls ask for', callersGrantEnough],
  ['gives secrets only to the inputs of steps that need them', secretsAreInputsOnly],
  ['schedules nothing on the hour', schedulesAvoidTheHour],
];

function filesIn(folder: string): string[] {
  return readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.yml'))
    .map((name) => join(root, folder, name));
}

function parseOfficially(files: string[]): Record<string, string[]> {
  const program = join(import.meta.dirname, 'official-parser.ts');
  const output = execFileSync(process.execPath, ['--disable-warning=ExperimentalWarning', program, ...files]);
  return JSON.parse(output.toString()) as Record<string, string[]>;
}

test('every workflow and example parses without an error in the parser that GitHub publishes', () => {
  const errors = parseOfficially([...shipped, ...examples]);
  expect(Object.keys(errors)).toHaveLength(shipped.length + examples.length);
  expect(Object.entries(errors).filter(([, messages]) => messages.length > 0)).toEqual([]);
});

test('each example hands on every secret that the workflow takes: one that is not passed would be empty there', () => {
  for (const file of examples) {
    for (const { uses, secrets } of Object.values(readWorkflow(file, root).jobs)) {
      const called = /\/(\.github\/workflows\/[\w-]+\.yml)@/.exec(uses ?? '')?.[1];
      if (called === undefined) continue;
      const { on } = readWorkflow(join(root, called), root);
      expect([basename(file), Object.keys(secrets ?? {})]).toEqual([
        ...[basename(file), Object.keys(on.workflow_call?.secrets ?? {})],
      ]);
    }
  }
});

test('the example has what it wrote signed, by a job that may do nothing else', () => {
  const { jobs } = readWorkflow(join(root, 'examples/migrate.yml'), root);
  expect(jobs.attest).toMatchObject({
    ...{ needs: 'migrate', permissions: { 'id-token': 'write', attestations: 'write' } },
    uses: expect.stringContaining('/attest.yml@'),
  });
  // What was only tried has no page.
  for (const asked of ["inputs.through == 'production'", '!inputs.dry-run', '!inputs.notify-test'])
    expect(jobs.attest?.if).toContain(asked);
});

test('the audit of the workflows looks at every example, and takes nothing else for granted than their placeholder', () => {
  const { jobs } = readWorkflow(join(root, '.github/workflows/audit.yml'), root);
  const audit = jobs.workflows?.steps?.find(({ uses }) => uses?.startsWith('zizmorcore/') === true);
  expect(String(audit?.with?.['inputs']).trim().split(/\s+/)).toEqual([
    '.',
    ...examples.map((file) => file.slice(root.length + 1)).sort(),
  ]);
  expect(parse(readFileSync(join(root, '.github/zizmor.yml'), 'utf8'))).toEqual({
    rules: { 'unpinned-uses': { config: { policies: { 'OWNER/*': 'any', '*': 'hash-pin' } } } },
  });
});

test('the example of migration.yml is valid and has its production protected', () => {
  const path = join(root, 'examples/migration.yml');
  const { environments } = parseMigrationConfig(readFileSync(path, 'utf8'), path);
  expect(environments.production?.protected).toBe(true);
});

test('all workflows that the design lists are there', () => {
  expect(shipped.map((file) => basename(file))).toEqual(
    expect.arrayContaining([
      'catch-up.yml',
      'ci.yml',
      'full.yml',
      'cutover.yml',
      'destroy.yml',
      'finalize.yml',
      'migrate.yml',
      'prepare.yml',
      'probe.yml',
      'propose-files.yml',
      'rehearse-staging.yml',
      'release.yml',
      'roll-back.yml',
    ]),
  );
});

for (const file of [...shipped, ...examples]) {
  const name = file.slice(root.length + 1);
  test.each(rules)(`${name} %s`, (_promise, rule) => {
    expect(rule(file, root)).toEqual([]);
  });
}

test('in the reviewed environment stand the cutover and its guard, which begin together, and nothing else of production waits for it', () => {
  const migrate = join(root, '.github/workflows/migrate.yml');
  const second = join(root, '.github/workflows/cutover.yml');
  for (const file of [migrate, second]) {
    expect(jobsNaming('production', file, root)).toEqual(['cutover', 'guard']);
    const { cutover, guard } = readWorkflow(file, root).jobs;
    // Waiting for different jobs they would ask for two approvals. Cancelling the run ends the cutover only.
    expect([guard?.needs, guard?.['timeout-minutes']]).toEqual([
      ...[cutover?.needs, cutover?.['timeout-minutes']],
    ]);
    const begins = (condition: string | boolean | undefined, without: string): string =>
      String(condition ?? '')
        .replace(/^\$\{\{ /, '')
        .replace(/ \}\}$/, '')
        .replace(without, '')
        .replace(/^ && /, '');
    expect(begins(guard?.if, 'always() && inputs.guard && !inputs.dry-run && !inputs.notify-test')).toBe(
      begins(cutover?.if, '!failure() && !cancelled()'),
    );
    expect(guard?.steps?.map((step) => step.if)).toEqual(['always()', 'always()', 'always()']);
    const own = cutover?.steps?.find(({ uses }) => uses?.endsWith('/cutover') === true);
    expect(own?.with?.['guard']).toBe('${{ inputs.guard }}');
  }
  expect(jobsNaming('production', join(root, '.github/workflows/prepare.yml'), root)).toEqual([]);
  const { jobs } = readWorkflow(migrate, root);
  expect(jobs.production?.with?.['github-environment']).toBe('production-prepare');
  expect(jobs.production?.needs).toContain('staging-verify');
});

test('one run at a time acts on an application, nothing is cancelled half-way, and only the called workflow has the group', () => {
  for (const name of [
    'migrate.yml',
    'cutover.yml',
    'catch-up.yml',
    'probe.yml',
    'propose-files.yml',
    'rehearse-staging.yml',
    'roll-back.yml',
    'finalize.yml',
    'destroy.yml',
  ]) {
    const { concurrency, on } = readWorkflow(join(root, '.github/workflows', name), root);
    expect(concurrency).toMatchObject({ 'cancel-in-progress': false });
    expect(JSON.stringify(concurrency)).toContain('inputs.application');
    expect(on.workflow_call?.inputs?.application?.required).toBe(true);
    expect(on.workflow_dispatch?.inputs?.application?.required).toBe(true);
  }
  // It calls an action alone, so that there is nothing whose caller it could wait for.
  const calling = examples.filter((file) => basename(file) !== 'assess.yml');
  const callers = [...calling, join(root, '.github/workflows/prepare.yml')];
  for (const file of callers) expect(readWorkflow(file, root).concurrency).toBeUndefined();
});

test('neither the way back nor going on with a cutover by the second workflow waits behind a run that is stuck', () => {
  const groupOf = (name: string): unknown => {
    const { concurrency } = readWorkflow(join(root, `.github/workflows/${name}.yml`), root);
    return (concurrency as { group: string }).group;
  };
  // The lease in the journal lets only one of them act.
  for (const name of ['migrate', 'catch-up', 'rehearse-staging', 'destroy'])
    for (const free of ['roll-back', 'cutover']) expect(groupOf(free)).not.toBe(groupOf(name));
  expect(groupOf('roll-back')).not.toBe(groupOf('cutover'));
});

test('the way back and its guard begin together in the same environment, and trying it needs none', () => {
  const { jobs, on } = readWorkflow(join(root, '.github/workflows/roll-back.yml'), root);
  const { guard, 'roll-back': back } = jobs;
  expect(Object.keys(jobs)).toEqual(['roll-back', 'guard']);
  for (const inputs of [on.workflow_dispatch?.inputs, on.workflow_call?.inputs])
    expect(inputs?.guard).toMatchObject({ type: 'boolean', default: true });
  const shared = (job: typeof back): unknown => [job?.needs, job?.environment, job?.['timeout-minutes']];
  expect(shared(guard)).toEqual(shared(back));
  expect(guard?.if).toBe('${{ always() && inputs.guard && !inputs.dry-run }}');
  expect(guard?.steps?.map((step) => step.if)).toEqual(['always()', 'always()', 'always()']);
  const given = (job: typeof back): Record<string, unknown> =>
    job?.steps?.find(({ uses }) => uses?.endsWith('/roll-back') === true)?.with ?? {};
  expect(given(guard)).toMatchObject({ command: 'guard', watches: 'roll-back' });
  // It may have to lead the way back to its end, for which it needs all that the other has.
  const needed = Object.entries(given(back)).filter(([name]) => !['dry-run', 'guard'].includes(name));
  expect(given(guard)).toMatchObject(Object.fromEntries(needed));
  expect(given(back).guard).toBe('${{ inputs.guard }}');
});

test('the cutover and the way back can be tried without anything being changed, by what we ship and by who calls it', () => {
  for (const [name, asked] of [
    ['cutover', ['dry-run', 'notify-test']],
    ['migrate', ['dry-run', 'notify-test']],
    ['roll-back', ['dry-run']],
  ] as const) {
    const { on, jobs } = readWorkflow(join(root, '.github/workflows', `${name}.yml`), root);
    const example = readWorkflow(join(root, 'examples', `${name}.yml`), root);
    const acting = jobs[name === 'roll-back' ? 'roll-back' : 'cutover'];
    const step = acting?.steps?.find(({ uses = '' }) => /actions\/(cutover|roll-back)$/.test(uses));
    for (const input of asked) {
      for (const inputs of [
        on.workflow_dispatch?.inputs,
        on.workflow_call?.inputs,
        example.on.workflow_dispatch?.inputs,
      ])
        expect(inputs?.[input]).toMatchObject({ type: 'boolean', default: false });
      for (const given of [step?.with, Object.values(example.jobs)[0]?.with])
        expect(given?.[input]).toBe(`\${{ inputs.${input} }}`);
    }
    // What was only tried is neither watched nor verified; staging's jobs know nothing of it.
    for (const other of name === 'roll-back' ? [] : [jobs.guard, jobs.verify])
      expect(other?.if).toContain('!inputs.dry-run && !inputs.notify-test');
  }
});

test('the record of an environment travels under one name and is kept whatever a phase did', () => {
  for (const name of ['migrate.yml', 'prepare.yml', 'cutover.yml', 'roll-back.yml', 'catch-up.yml']) {
    const { jobs } = readWorkflow(join(root, '.github/workflows', name), root);
    for (const { steps = [] } of Object.values(jobs)) {
      for (const step of steps.filter(({ uses }) => uses?.includes('-artifact@') === true)) {
        // What is proposed for the repository is for people, and no later phase reads it.
        if (step.with?.name === 'files-for-the-repository-${{ inputs.environment }}') continue;
        expect(step.with?.name).toMatch(/^migration-(record|evidence)-/u);
        if (step.uses?.startsWith('actions/upload') === true)
          expect(step).toMatchObject({ if: 'always()', with: { overwrite: true } });
      }
      const kept = steps.map(({ with: given }) => String(given?.path ?? ''));
      const draws = steps.some(
        ({ uses = '', with: given }) => /actions\/(cutover|verify|roll-back)$/.test(uses) && !given?.command,
      );
      // Whoever keeps a record of a cutover keeps the page that shows it.
      expect(kept.includes('migration-evidence.html') || !draws).toBe(true);
    }
  }
});

test('only the job that signs may sign, and it needs no more than the records of its run', () => {
  const { jobs, on } = readWorkflow(join(root, '.github/workflows/attest.yml'), root);
  expect(Object.keys(jobs)).toEqual(['attest']);
  expect(jobs.attest?.permissions).toEqual({ 'id-token': 'write', attestations: 'write' });
  expect(jobs.attest?.if).toContain('github.event.repository.private == false');
  expect(Object.keys(on)).toEqual(['workflow_call']);
  for (const name of ['migrate.yml', 'cutover.yml', 'roll-back.yml', 'prepare.yml'])
    expect(JSON.stringify(readWorkflow(join(root, '.github/workflows', name), root).jobs)).not.toContain(
      'id-token',
    );
});

test('one job of one workflow may write to the repository, for what it proposes, and it has no token of DigitalOcean', () => {
  // The project's own releases are no workflow of anybody's migration.
  const writing = shipped
    .filter((file) => basename(file) !== 'release.yml')
    .flatMap((file) =>
      Object.entries(readWorkflow(file, root).jobs)
        .filter(([, job]) => typeof job.permissions === 'object' && job.permissions.contents === 'write')
        .map(([key, job]) => [basename(file), key, JSON.stringify(job)]),
    );
  expect(writing.map(([file, key]) => `${file ?? ''}: ${key ?? ''}`)).toEqual(['propose-files.yml: propose']);
  expect(writing[0]?.[2]).not.toMatch(/DIGITALOCEAN_TOKEN|MIGRATION_KEY/);
});

test('nothing is made for an image that was not booted, and nothing is deployed before the copy', () => {
  const { jobs } = readWorkflow(join(root, '.github/workflows/prepare.yml'), root);
  const needs = Object.fromEntries(Object.entries(jobs).map(([key, job]) => [key, job.needs]));
  expect(needs).toEqual({
    assess: undefined,
    image: 'assess',
    infrastructure: 'image',
    copy: ['assess', 'infrastructure'],
    // Beside the copy, which does without whoever fails: nothing waits for these.
    'copy-shares': ['assess', 'infrastructure'],
    application: ['image', 'copy'],
  });
  expect(jobs['copy-shares']).toMatchObject({ 'continue-on-error': true, strategy: { 'fail-fast': false } });
  const steps = jobs.image?.steps ?? [];
  const tried = steps.findIndex(({ with: inputs }) => inputs?.command === 'try-image');
  expect(tried).toBeGreaterThan(steps.findIndex(({ id }) => id === 'build'));
  // Also an image that was given: it has other variables in each environment. Where App Platform builds there is none.
  expect(steps[tried]?.if).toBe("steps.code.outputs.build == 'true' || steps.code.outputs.given != ''");
});

test('the same script brings the PostgreSQL tools wherever they are needed', () => {
  const scripts = shipped.flatMap((file) =>
    Object.values(readWorkflow(file, root).jobs).flatMap(({ steps = [] }) =>
      steps.filter(({ id }) => id === 'postgres-tools').map(({ run }) => run),
    ),
  );
  expect(scripts.length).toBeGreaterThan(2);
  expect(new Set(scripts).size).toBe(1);
});

/** Each rule must be able to fail: a good workflow is spoilt in one place, and the rule that guards it says so. */
const spoilt: [rule: Rule, from: string, to: string][] = [
  [permissionsAreReasoned, 'permissions: {}', 'permissions: read-all'],
  [permissionsAreReasoned, 'contents: read # to check out', 'contents: read'],
  [actionsArePinned, 'checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1', 'checkout@v7'],
  [scriptsHoldNoExpression, 'run: echo', 'run: echo ${{ github.actor }}'],
  [jobsAreBounded, 'timeout-minutes: 5', 'continue-on-error: false'],
  [jobsAreBounded, 'persist-credentials: false', 'persist-credentials: true'],
  [referencesExist, 'known: x', 'unknown: x'],
  [referencesExist, 'needs.first.outputs.made', 'needs.first.outputs.mad'],
  [referencesExist, 'needs.first.outputs.made', 'needs.other.outputs.made'],
  [referencesExist, 'steps.act.outputs.result', 'steps.act.outputs.reslt'],
  [referencesExist, 'steps.act.outputs.result', 'steps.akt.outputs.result'],
  [secretsAreInputsOnly, 'MADE: ${{ needs', 'T: ${{ secrets.T }}\n          MADE: ${{ needs'],
  [schedulesAvoidTheHour, "'7 * * * *'", "'0 * * * *'"],
];
const good = `on: { schedule: [{ cron: '7 * * * *' }] }
permissions: {}
jobs:
  first:
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    permissions:
      contents: read # to check out
    outputs:
      made: \${{ steps.act.outputs.result }}
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
        with:
          persist-credentials: false
      - uses: $/actions/act
        id: act
        with:
          known: x
  second:
    needs: first
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    permissions: {}
    steps:
      - env:
          MADE: \${{ needs.first.outputs.made }}
        run: echo
`;

test.each(spoilt.map(([rule, from, to]) => ({ rule, from, to })))(
  'a workflow with "$to" is found out',
  ({ rule, from, to }) => {
    const folder = mkdtempSync(join(tmpdir(), 'workflow-rules-'));
    try {
      const action = join(folder, 'actions/act/action.yml');
      mkdirSync(dirname(action), { recursive: true });
      writeFileSync(
        action,
        'inputs: { known: { description: k, required: true } }\noutputs: { result: { description: r } }\n',
      );
      const file = join(folder, 'main.yml');
      writeFileSync(file, good);
      expect(rule(file, folder)).toEqual([]);
      expect(good).toContain(from);
      writeFileSync(file, good.replace(from, to));
      expect(rule(file, folder).length).toBeGreaterThan(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);

const scriptsOf = (file: string): string[] =>
  Object.values(readWorkflow(join(root, '.github/workflows', file), root).jobs).flatMap(({ steps = [] }) =>
    steps.flatMap(({ run }) => (run === undefined ? [] : [run])),
  );

test('every change is tested, and sees a few migrations in which things go wrong', () => {
  const scripts = scriptsOf('ci.yml');
  expect(scripts).toContain('npm test');
  const [, given = ''] = /npm run rehearse -- (--chaos .*)/.exec(scripts.join('\n')) ?? [];
  const { chaos } = parseOptions(given.replace(/"\$\(\(.*\)\)"/, '100').split(' '));
  expect(chaos?.runs).toBeGreaterThan(1);
});

test('the full run comes each week, in as many parts as it is divided into', () => {
  const { on, jobs } = readWorkflow(join(root, '.github/workflows/full.yml'), root);
  expect(Object.keys(on).sort()).toEqual(['schedule', 'workflow_dispatch']);
  const { part = [] } = jobs.test?.strategy?.matrix as { part?: number[] };
  expect(scriptsOf('full.yml')).toContain(`npm run test:full -- --shard "$PART/${part.length}"`);
  expect(part).toEqual(part.map((_, index) => index + 1));
  expect(part.length).toBeGreaterThan(1);
});

test("GitHub's parser refuses what it should", () => {
  const folder = mkdtempSync(join(tmpdir(), 'workflow-parser-'));
  try {
    const file = join(folder, 'broken.yml');
    writeFileSync(file, readFileSync(shipped[0] ?? '', 'utf8').replace('runs-on:', 'run-on:'));
    expect(parseOfficially([file])[file]?.length).toBeGreaterThan(0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('what takes the new side away lists by default, waits for the run that builds it, and has no key to derive anything', () => {
  const file = join(root, '.github/workflows/destroy.yml');
  const { on, concurrency, jobs } = readWorkflow(file, root);
  for (const inputs of [on.workflow_dispatch?.inputs, on.workflow_call?.inputs]) {
    expect(inputs?.['dry-run']?.default).toBe(true);
    expect(inputs?.confirm?.default).toBe('');
  }
  const { concurrency: ofMigrate } = readWorkflow(join(root, '.github/workflows/migrate.yml'), root);
  expect(concurrency).toEqual(ofMigrate);
  expect(jobs.destroy?.environment).toBe('${{ inputs.environment }}');
  expect(Object.keys(on.workflow_call?.secrets ?? {})).toEqual([
    'HEROKU_TOKEN',
    'DIGITALOCEAN_TOKEN',
    'CLOUDFLARE_TOKEN',
    'AWS_ACCESS_KEY_ID',
    'AWS_SECRET_ACCESS_KEY',
    'DNS_COMMAND_SECRET',
  ]);
});

test('the end of the way back lists by default and waits for the environment and for a way back that is gone', () => {
  const { on, concurrency, jobs } = readWorkflow(join(root, '.github/workflows/finalize.yml'), root);
  for (const inputs of [on.workflow_dispatch?.inputs, on.workflow_call?.inputs]) {
    expect(inputs?.['dry-run']?.default).toBe(true);
    expect(inputs?.confirm?.default).toBe('');
  }
  const { concurrency: ofRollBack } = readWorkflow(join(root, '.github/workflows/roll-back.yml'), root);
  expect(concurrency).toEqual(ofRollBack);
  expect(jobs.finalize?.environment).toBe('${{ inputs.environment }}');
});
