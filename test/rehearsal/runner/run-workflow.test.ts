import { afterEach, expect, test } from '@jest/globals';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { action, job, smallRepository } from './small-repository.ts';
import type { SmallRepository } from './small-repository.ts';

let repository: SmallRepository | undefined;
afterEach(async () => {
  await repository?.close();
});

async function withWorkflow(workflow: string, files: Record<string, string> = {}): Promise<SmallRepository> {
  repository = await smallRepository({ '.github/workflows/main.yml': workflow, ...files });
  return repository;
}

function logOf(result: { jobs: { steps: { log: string }[] }[] }): string {
  return result.jobs.flatMap(({ steps }) => steps.map(({ log }) => readFileSync(log, 'utf8'))).join('');
}

test('outputs travel from a step through a job to the jobs that need it, multi-line values included', async () => {
  const { run } = await withWorkflow(`
on: workflow_dispatch
jobs:
  first:
    runs-on: ubuntu-24.04
    outputs: { one: '\${{ steps.a.outputs.one }}', many: '\${{ steps.a.outputs.many }}', none: '\${{ steps.a.outputs.nothing }}' }
    steps:
      - id: a
        run: |
          echo "one=1" >> "$GITHUB_OUTPUT"
          { echo "many<<END"; echo "x=1"; echo "y"; echo "END"; } >> "$GITHUB_OUTPUT"
  second:
    needs: first
    runs-on: ubuntu-24.04
    steps:
      - env: { MANY: '\${{ needs.first.outputs.many }}', ALL: '\${{ toJSON(needs) }}' }
        run: |
          echo "got \${MANY//$'\\n'/ and }"
          echo "$ALL" | grep -q '"result": "success"'
`);
  const result = await run();
  expect(result.conclusion).toBe('success');
  expect(job(result, 'first').outputs).toEqual({ one: '1', many: 'x=1\ny' });
  expect(logOf(result)).toContain('got x=1 and y');
});

test('a failed step skips the rest but not always() and failure(), and the jobs that need it are skipped', async () => {
  const { run } = await withWorkflow(`
on: workflow_dispatch
jobs:
  broken:
    runs-on: ubuntu-24.04
    steps:
      - { name: fails, run: exit 3 }
      - { name: not run, run: echo no }
      - { name: on failure, if: 'failure()', run: echo yes }
      - { name: always, if: '\${{ always() }}', run: echo yes }
      - { name: on failure and false, if: "failure() && github.actor == 'nobody'", run: echo no }
  after: { needs: broken, runs-on: x, steps: [{ run: echo no }] }
  rescue: { needs: broken, if: "failure() && needs.broken.result == 'failure'", runs-on: x, steps: [{ run: echo rescued }] }
  beyond: { needs: rescue, runs-on: x, steps: [{ run: echo no }] }
  tolerant:
    runs-on: x
    steps:
      - { id: bad, run: exit 1, continue-on-error: true }
      - run: test "\${{ steps.bad.outcome }} \${{ steps.bad.conclusion }}" = "failure success"
`);
  const result = await run();
  expect(result.conclusion).toBe('failure');
  expect(job(result, 'broken').steps.map(({ conclusion }) => conclusion)).toEqual([
    'failure',
    'skipped',
    'success',
    'success',
    'skipped',
  ]);
  const ends = Object.fromEntries(result.jobs.map(({ id, conclusion }) => [id, conclusion]));
  // "beyond" needs a job that succeeded, but an ancestor of it failed.
  expect(ends).toEqual({
    broken: 'failure',
    after: 'skipped',
    rescue: 'success',
    beyond: 'skipped',
    tolerant: 'success',
  });
});

test('a masked value appears in no log, summary or job output, in none of its usual forms', async () => {
  const secret = 'p@ss word/+<1>';
  const { run, directory } = await withWorkflow(
    `
on: workflow_dispatch
jobs:
  talk:
    runs-on: x
    outputs: { leaked: '\${{ steps.say.outputs.leaked }}', found: '\${{ steps.say.outputs.found }}', fine: ok }
    steps:
      - { id: say, uses: $/actions/talk, with: { token: '\${{ secrets.TOKEN }}' } }
      - { env: { T: '\${{ secrets.TOKEN }}' }, run: 'echo "$T"; printf %s "$T" | base64; echo "derived-7f3a9c"' }
`,
    action(
      'talk',
      `
import { appendFileSync } from 'node:fs';
const token = process.env.INPUT_TOKEN;
console.log('::add-mask::derived-7f3a9c');
console.log(token, encodeURIComponent(token), JSON.stringify(token), Buffer.from('user:' + token).toString('base64'), 'derived-7f3a9c');
console.error('::error title=x::bad ' + token);
appendFileSync(process.env.GITHUB_STEP_SUMMARY, 'summary of ' + token);
appendFileSync(process.env.GITHUB_OUTPUT, 'leaked=x' + token + 'x\\nfound=derived-7f3a9c\\n');
`,
      'inputs: { token: { description: t } }',
    ),
  );
  const result = await run({ repositorySecrets: { TOKEN: secret } });
  expect(result.conclusion).toBe('success');
  expect(job(result, 'talk').outputs).toEqual({ fine: 'ok' });
  expect(job(result, 'talk').steps[0]?.summary).toBe('summary of ***');
  const kept = readdirSync(join(directory, 'runs'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
    .join('\n');
  const forms = [
    secret,
    encodeURIComponent(secret),
    Buffer.from(secret).toString('base64'),
    'derived-7f3a9c',
  ];
  for (const form of forms) expect(kept + JSON.stringify(repository?.events)).not.toContain(form);
  expect(kept).toContain('##[error]bad ***');
});

test('an action gets its inputs with defaults from expressions, and nothing of the environment of this machine', async () => {
  process.env.CANARY_OF_THIS_MACHINE = 'must not pass';
  const { run, github } = await withWorkflow(
    `
on: workflow_dispatch
env: { LEVEL: workflow }
jobs:
  show:
    runs-on: x
    permissions: { actions: read }
    steps:
      - { run: 'echo "LEVEL=changed" >> "$GITHUB_ENV"; mkdir -p tools; echo "$PWD/tools" >> "$GITHUB_PATH"' }
      - { id: show, uses: $/actions/show, with: { Given-Name: 7, surplus: x } }
    outputs: { all: '\${{ steps.show.outputs.all }}' }
`,
    action(
      'show',
      `
import { appendFileSync } from 'node:fs';
const { env } = process;
const approvals = await fetch(env['INPUT_API'] + '/repos/acme/shop/environments/none', { headers: { authorization: 'Bearer ' + env['INPUT_TOKEN'] } });
const all = { given: env['INPUT_GIVEN-NAME'], api: env.INPUT_API, empty: env.INPUT_EMPTY, level: env.LEVEL, canary: env.CANARY_OF_THIS_MACHINE ?? null,
  repository: env.GITHUB_REPOSITORY, run: env.GITHUB_RUN_ID, attempt: env.GITHUB_RUN_ATTEMPT, actor: env.GITHUB_ACTOR, ci: env.CI, path: env.PATH.split(':')[0].endsWith('/tools'),
  extra: env.https_proxy, major: process.versions.node.split('.')[0], status: approvals.status, workspace: process.cwd() === env.GITHUB_WORKSPACE };
appendFileSync(env.GITHUB_OUTPUT, 'all=' + JSON.stringify(all) + '\\n');
`,
      `inputs:
  given-name: { description: g, required: true }
  api: { description: a, default: '\${{ github.api_url }}' }
  token: { description: t, default: '\${{ github.token }}' }
  empty: { description: e }`,
    ),
  );
  const result = await run({ env: { https_proxy: 'http://127.0.0.1:9' } });
  delete process.env.CANARY_OF_THIS_MACHINE;
  expect(logOf(result)).toContain("Unexpected input(s) 'surplus'");
  expect(JSON.parse(job(result, 'show').outputs.all ?? '{}')).toEqual({
    given: '7',
    api: github.apiUrl,
    empty: '',
    level: 'changed',
    canary: null,
    repository: 'acme/shop',
    run: String(result.runId),
    attempt: '1',
    actor: 'ada',
    ci: 'true',
    path: true,
    extra: 'http://127.0.0.1:9',
    major: '24',
    status: 404,
    workspace: true,
  });
});

const withPost = (name: string, main: string) => ({
  [`actions/${name}/action.yml`]: `name: ${name}\ndescription: t\nruns: { using: node24, main: index.mjs, post: index.mjs, post-if: always() }\n`,
  [`actions/${name}/index.mjs`]: `
import { appendFileSync } from 'node:fs';
if (process.env.STATE_started) { console.log('post of ${name} after ' + process.env.STATE_started.split('\\n').length + ' lines'); process.exit(0); }
appendFileSync(process.env.GITHUB_STATE, 'started<<END\\nfirst\\nsecond\\nEND\\n');
${main}
`,
});

test('post steps run in reverse order with the state of their main step, also after a failure', async () => {
  const { run } = await withWorkflow(
    `
on: workflow_dispatch
jobs:
  one:
    runs-on: x
    steps:
      - uses: $/actions/first
      - uses: $/actions/second
      - uses: $/actions/never
`,
    { ...withPost('first', ''), ...withPost('second', 'process.exit(1);'), ...withPost('never', '') },
  );
  const result = await run();
  expect(result.conclusion).toBe('failure');
  expect(job(result, 'one').steps.map(({ name, conclusion }) => `${name}: ${conclusion}`)).toEqual([
    'Run $/actions/first: success',
    'Run $/actions/second: failure',
    'Run $/actions/never: skipped',
    'Post Run $/actions/second: success',
    'Post Run $/actions/first: success',
  ]);
  expect(logOf(result)).toContain('post of first after 2 lines');
});

test('a matrix runs each combination with include and exclude, and fail-fast stops the others', async () => {
  const { run } = await withWorkflow(`
on: workflow_dispatch
jobs:
  list:
    runs-on: x
    outputs: { apps: '["a","b"]' }
    steps: [{ run: 'true' }]
  each:
    needs: list
    runs-on: x
    strategy:
      max-parallel: 2
      matrix:
        app: '\${{ fromJSON(needs.list.outputs.apps) }}'
        side: [left, right]
        exclude: [{ app: b, side: right }]
        include: [{ app: a, side: left, extra: more }, { app: c, side: top }]
    steps: [{ run: 'echo "combination \${{ matrix.app }} \${{ matrix.side }} \${{ matrix.extra }}."' }]
  fast:
    runs-on: x
    strategy: { matrix: { seconds: [0, 30] } }
    steps: [{ env: { S: '\${{ matrix.seconds }}' }, run: 'if test "$S" = 0; then exit 1; fi; exec sleep "$S"' }]
`);
  const result = await run();
  const log = logOf(result);
  for (const line of ['a left more.', 'a right .', 'b left .', 'c top .'])
    expect(log).toContain(`combination ${line}`);
  expect(log).not.toContain('combination b right');
  expect(job(result, 'fast (0)').conclusion).toBe('failure');
  expect(job(result, 'fast (30)').conclusion).toBe('cancelled');
});

const called = `
on:
  workflow_call:
    inputs: { place: { type: string, required: true }, fast: { type: boolean, default: true } }
    secrets: { TOKEN: { required: false } }
    outputs: { result: { value: '\${{ jobs.work.outputs.result }}' } }
jobs:
  work:
    runs-on: x
    environment: \${{ inputs.place }}
    permissions: { contents: read }
    outputs: { result: '\${{ steps.w.outputs.result }}' }
    steps:
      - id: w
        env: { T: '\${{ secrets.TOKEN }}', F: '\${{ inputs.fast }}', V: '\${{ vars.COLOUR }}' }
        run: 'echo "result=\${#T} $F $V" >> "$GITHUB_OUTPUT"'
`;

test('a called workflow sees an environment secret only when its caller passes that name', async () => {
  const { run } = await withWorkflow(
    `
on: workflow_dispatch
permissions: {}
jobs:
  passed:
    permissions: { contents: read }
    uses: $/.github/workflows/called.yml
    with: { place: staging }
    secrets: { TOKEN: '\${{ secrets.TOKEN }}' }
  not-passed:
    permissions: { contents: read }
    uses: ./.github/workflows/called.yml
    with: { place: staging, fast: false }
  end:
    needs: [passed, not-passed]
    runs-on: x
    outputs: { both: '\${{ needs.passed.outputs.result }} | \${{ needs.not-passed.outputs.result }}' }
    steps: [{ run: 'true' }]
`,
    { '.github/workflows/called.yml': called },
  );
  const result = await run({
    vars: { COLOUR: 'red' },
    environments: { staging: { secrets: { TOKEN: 'twelve chars' }, vars: { COLOUR: 'blue' } } },
  });
  expect(job(result, 'end').outputs.both).toBe('12 true blue | 0 false blue');
  expect(job(result, 'passed / work').environment).toBe('staging');
});

test('a called job that wants more permissions than its caller grants does not start', async () => {
  const { run, events } = await withWorkflow(
    `
on: workflow_dispatch
permissions: {}
jobs: { call: { uses: $/.github/workflows/called.yml, with: { place: staging } } }
`,
    { '.github/workflows/called.yml': called },
  );
  expect((await run()).conclusion).toBe('failure');
  expect(JSON.stringify(events)).toContain(
    "requesting 'contents: read', but is only allowed 'contents: none'",
  );
});

const gated = `
on: workflow_dispatch
jobs:
  ship:
    runs-on: x
    environment: production
    steps: [{ env: { T: '\${{ secrets.TOKEN }}' }, run: 'echo "released \${#T}"' }]
`;
const production = { production: { secrets: { TOKEN: 'twelve chars' } } };

test('the secrets of a reviewed environment are released after the approval, which GitHub then tells', async () => {
  const { run, github } = await withWorkflow(gated);
  github.configureEnvironment('production', {
    reviewers: ['grace'],
    preventSelfReview: true,
    branchPolicy: ['main'],
  });
  const result = await run({ environments: production });
  expect(logOf(result)).toContain('released 12');
  const token = github.issueToken({ actions: 'read' });
  const answer = await fetch(`${github.apiUrl}/repos/acme/shop/actions/runs/${result.runId}/approvals`, {
    headers: { authorization: `token ${token}` },
  });
  expect(await answer.json()).toMatchObject([
    { state: 'approved', user: { login: 'grace' }, environments: [{ name: 'production' }] },
  ]);
});

test('a rejected, self-approved or wrong-branch deployment runs no step', async () => {
  const { run, github } = await withWorkflow(gated);
  github.configureEnvironment('production', {
    reviewers: ['grace', 'ada'],
    preventSelfReview: true,
    branchPolicy: ['main'],
  });
  const rejected = await run({
    environments: production,
    approve: () => Promise.resolve({ approved: false, by: 'grace' }),
  });
  const own = await run({
    environments: production,
    approve: () => Promise.resolve({ approved: true, by: 'ada' }),
  });
  const branch = await run({ environments: production, branch: 'feature' });
  for (const result of [rejected, own, branch]) {
    expect(result.conclusion).toBe('failure');
    expect(job(result, 'ship').steps).toEqual([]);
  }
});

test('a run that is cancelled while it waits for its approval releases nothing', async () => {
  const stop = new AbortController();
  const { run, github } = await withWorkflow(gated);
  github.configureEnvironment('production', { reviewers: ['grace'] });
  const result = await run({
    environments: production,
    signal: stop.signal,
    approve: () => {
      stop.abort();
      return new Promise(() => undefined);
    },
  });
  expect(result.conclusion).toBe('cancelled');
  expect(job(result, 'ship')).toMatchObject({ conclusion: 'cancelled', steps: [] });
});

test('jobs that do not need each other run beside each other, and debug lines appear when asked for', async () => {
  const meeting = (mine: string, other: string) =>
    `touch "$MEETING/${mine}"; for i in $(seq 200); do test -e "$MEETING/${other}" && exit 0; sleep 0.05; done; exit 1`;
  const { run, directory } = await withWorkflow(`
on: workflow_dispatch
jobs:
  one: { runs-on: x, steps: [{ run: '${meeting('one', 'two')}' }] }
  two: { runs-on: x, steps: [{ run: '${meeting('two', 'one')}' }, { run: 'echo "::debug::detail"' }] }
`);
  const env = { MEETING: directory };
  const quiet = await run({ env });
  expect(quiet.conclusion).toBe('success');
  expect(logOf(quiet)).not.toContain('##[debug]');
  expect(logOf(await run({ env, vars: { ACTIONS_STEP_DEBUG: 'true' } }))).toContain('##[debug]detail');
});

test('a missing environment is created without protection, as on GitHub', async () => {
  const { run, github } = await withWorkflow(gated);
  const result = await run({
    environments: production,
    approve: () => Promise.reject(new Error('nobody is asked')),
  });
  expect(result.conclusion).toBe('success');
  expect(github.environment('production')).toEqual({});
});

test('timeouts stop a step and a job, and always() steps still run', async () => {
  const { run } = await withWorkflow(`
on: workflow_dispatch
jobs:
  step: { runs-on: x, steps: [{ run: exec sleep 60, timeout-minutes: 1 }, { if: always(), run: echo after step }] }
  job: { runs-on: x, timeout-minutes: 1, steps: [{ run: exec sleep 60 }, { if: always(), run: echo after job }] }
`);
  const result = await run({ minuteMs: 300 });
  expect(job(result, 'step').conclusion).toBe('failure');
  expect(job(result, 'job').conclusion).toBe('cancelled');
  expect(logOf(result)).toContain('has timed out after 1 minutes');
  expect(logOf(result)).toContain('after step');
  expect(logOf(result)).toContain('after job');
});

test('a cancelled run interrupts its step, runs its post and always() steps and starts no other job', async () => {
  const stop = new AbortController();
  const { run } = await withWorkflow(
    `
on: workflow_dispatch
jobs:
  long:
    runs-on: x
    steps:
      - uses: $/actions/patient
      - { if: cancelled(), run: echo noticed }
      - { run: echo not reached }
  next: { needs: long, runs-on: x, steps: [{ run: echo not reached }] }
`,
    withPost(
      'patient',
      "process.on('SIGINT', () => { console.log('interrupted'); process.exit(1); }); console.log('ready'); setInterval(() => {}, 1000);",
    ),
  );
  const result = await run({
    signal: stop.signal,
    onEvent: (event) => {
      if (event.type === 'line' && event.line === 'ready') stop.abort();
    },
  });
  expect(result.conclusion).toBe('cancelled');
  const log = logOf(result);
  for (const line of ['interrupted', 'noticed', 'post of patient']) expect(log).toContain(line);
  expect(log).not.toContain('not reached');
  expect(job(result, 'next').conclusion).toBe('skipped');
});

test('a step killed at a line fails and cleans up; a killed runner runs nothing more', async () => {
  const files = withPost('worker', "console.log('at the point'); setInterval(() => {}, 1000);");
  const { run } = await withWorkflow(
    `
on: workflow_dispatch
jobs: { one: { runs-on: x, steps: [{ uses: $/actions/worker }, { if: always(), run: echo upload }] } }
`,
    files,
  );
  const at = (how: true | 'runner') => (_job: string, _step: string, line: string) =>
    line === 'at the point' && how;
  const killed = await run({ killStep: at(true) });
  expect(logOf(killed)).toContain('SIGKILL');
  expect(logOf(killed)).toContain('post of worker');
  expect(logOf(killed)).toContain('upload');
  const lost = await run({ killStep: at('runner') });
  expect(lost.conclusion).toBe('failure');
  expect(logOf(lost)).not.toContain('post of worker');
  expect(job(lost, 'one').steps).toHaveLength(1);
});

(process.platform === 'linux' ? test : test.skip)(
  'a disk that is full refuses what is written from then on, in that step and the later ones, and on no other machine',
  async () => {
    const files = action(
      'writer',
      `
        import { statSync, writeFileSync } from 'node:fs';
        writeFileSync('before', 'kept');
        console.log('at the point');
        setTimeout(() => {
          try { writeFileSync('after', 'lost'); console.log('written'); } catch (error) { console.log(error.code); }
          console.log('before has', statSync('before').size);
        }, 1000);
      `,
    );
    const { run } = await withWorkflow(
      `
on: workflow_dispatch
jobs:
  full:
    runs-on: x
    steps:
      - uses: $/actions/writer
      - { if: always(), run: 'echo more > more && echo written more' }
  other: { needs: full, if: always(), runs-on: x, steps: [{ run: 'echo fine > file && cat file' }] }
`,
      files,
    );
    const result = await run({
      killStep: async (_job, _step, line) => {
        await new Promise((resolve) => setTimeout(resolve, 10));
        return line === 'at the point' && 'full-disk';
      },
    });
    const log = logOf({ jobs: [job(result, 'full')] });
    expect(log).toContain('EFBIG');
    expect(log).toContain('before has 4');
    expect(log).not.toMatch(/^written/m);
    expect(job(result, 'full').conclusion).toBe('failure');
    expect(logOf({ jobs: [job(result, 'other')] })).toMatch(/^fine$/m);
  },
);

test('each machine has an environment of its own', async () => {
  const { run } = await withWorkflow(`
on: workflow_dispatch
jobs:
  one: { runs-on: x, steps: [{ run: 'echo machine=$MACHINE' }] }
  two: { runs-on: x, steps: [{ run: 'echo machine=$MACHINE' }] }
`);
  const result = await run({ machine: (id) => ({ MACHINE: `of ${id}` }) });
  for (const id of ['one', 'two']) expect(logOf({ jobs: [job(result, id)] })).toContain(`machine=of ${id}`);
});

test('re-running failed jobs keeps what succeeded, its outputs and its artifacts', async () => {
  const { run } = await withWorkflow(`
on: workflow_dispatch
jobs:
  make:
    runs-on: x
    outputs: { made: '\${{ steps.m.outputs.made }}' }
    steps:
      - { id: m, run: 'echo "made=in attempt $GITHUB_RUN_ATTEMPT" >> "$GITHUB_OUTPUT"; echo kept > record.txt' }
      - { uses: actions/upload-artifact@v7, with: { name: record, path: record.txt } }
  use:
    needs: make
    runs-on: x
    steps:
      - { uses: actions/download-artifact@v8, with: { name: record } }
      - { env: { MADE: '\${{ needs.make.outputs.made }}' }, run: 'cat record.txt; echo "$MADE"; test "$GITHUB_RUN_ATTEMPT" = 2' }
`);
  const first = await run();
  expect(first.conclusion).toBe('failure');
  const second = await run({ rerunOf: first, triggeringActor: 'grace' });
  expect(second).toMatchObject({ conclusion: 'success', runId: first.runId, runAttempt: 2 });
  expect(logOf({ jobs: [job(second, 'use')] })).toContain('made in attempt 1'.replace('made ', ''));
});

test('an artifact is not overwritten unless asked, is found across runs, and a job leaves nothing behind', async () => {
  const { run, directory, github } = await withWorkflow(`
on: { workflow_dispatch: { inputs: { from: { type: string, default: '' } } } }
jobs:
  one:
    runs-on: x
    steps:
      - { if: "inputs.from != ''", uses: actions/download-artifact@v8, with: { name: r, path: got, run-id: '\${{ inputs.from }}', github-token: '\${{ github.token }}' } }
      - { if: "inputs.from != ''", run: cat got/r.txt }
      - { run: 'echo "run $GITHUB_RUN_ID" > r.txt' }
      - { uses: actions/upload-artifact@v7, with: { name: r, path: r.txt } }
      - { id: again, continue-on-error: true, uses: actions/upload-artifact@v7, with: { name: r, path: r.txt } }
      - { if: "steps.again.outcome == 'success'", run: exit 1 }
      - { uses: actions/upload-artifact@v7, with: { name: r, path: r.txt, overwrite: true } }
`);
  const first = await run();
  const second = await run({ inputs: { from: String(first.runId) } });
  expect([first.conclusion, second.conclusion]).toEqual(['success', 'success']);
  expect(logOf(second)).toContain(`run ${first.runId}`);
  expect(existsSync(join(github.artifacts(second.runId), 'r', 'r.txt'))).toBe(true);
  expect(readdirSync(join(directory, 'runs', `run-${second.runId}-1`, 'jobs'))).toEqual([]);
});

test('inputs are checked, a schedule has none, and expressions that do not evaluate fail the job that holds them', async () => {
  const { run, events } = await withWorkflow(`
on:
  workflow_dispatch: { inputs: { app: { required: true }, through: { type: choice, options: [staging, production], default: production } } }
  schedule: [{ cron: '5 3 * * 1' }]
jobs:
  show: { runs-on: x, steps: [{ env: { A: "\${{ inputs.app || 'default' }}", T: '\${{ inputs.through }}' }, run: 'echo "app $A through $T."' }] }
  wrong: { if: 'nothing.there', runs-on: x, steps: [{ run: 'true' }] }
`);
  await expect(run()).rejects.toThrow('"app" is required');
  await expect(run({ inputs: { app: 'a', through: 'nowhere' } })).rejects.toThrow('no choice');
  await expect(run({ inputs: { app: 'a', trough: 'x' } })).rejects.toThrow('no input "trough"');
  expect(logOf(await run({ inputs: { app: 'shop' } }))).toContain('app shop through production.');
  expect(logOf(await run({ event: 'schedule' }))).toContain('app default through .');
  expect(JSON.stringify(events)).toContain('Unrecognized named-value');
});

test('a caller and the workflow that it calls may not wait for the same concurrency group', async () => {
  const { run, events } = await withWorkflow(
    `
on: workflow_dispatch
concurrency: { group: migrate-shop }
jobs: { call: { uses: $/.github/workflows/called.yml } }
`,
    {
      '.github/workflows/called.yml':
        'on: workflow_call\nconcurrency: { group: Migrate-shop }\njobs: { a: { runs-on: x, steps: [{ run: "true" }] } }\n',
    },
  );
  expect((await run()).conclusion).toBe('failure');
  expect(JSON.stringify(events)).toContain('deadlock');
});

test('a job and its step with always() outlive a cancelled run, for as long as GitHub lets them', async () => {
  const { run } = await withWorkflow(
    `
on: workflow_dispatch
jobs:
  cutover:
    runs-on: x
    steps:
      - run: echo begun; sleep 20
  guard:
    if: always()
    runs-on: x
    steps:
      - { if: always(), run: sleep 1.5; echo watched to the end }
  endless:
    if: always()
    runs-on: x
    steps:
      - { if: always(), run: sleep 20 }
  forgetful:
    if: always()
    runs-on: x
    steps:
      - run: sleep 20
`,
  );
  const stop = new AbortController();
  const result = await run({
    signal: stop.signal,
    cancelLimitMs: 6_000,
    onEvent: (event) => {
      if (event.type === 'line' && event.line.includes('begun') && event.job === 'cutover') stop.abort();
    },
  });
  expect(job(result, 'cutover').conclusion).toBe('cancelled');
  expect(job(result, 'guard').conclusion).toBe('success');
  expect(readFileSync(job(result, 'guard').steps[0]?.log ?? '', 'utf8')).toContain('watched to the end');
  expect(job(result, 'endless').conclusion).toBe('cancelled');
  // A step without the condition is ended all the same, or not begun.
  expect(job(result, 'forgetful').steps[0]?.conclusion).not.toBe('success');
});
