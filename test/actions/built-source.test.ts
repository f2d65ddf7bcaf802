import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { askAboutApp } from '../../actions/assess/proposed-app.ts';
import { chosenSource, requireCommit, requireSameCode } from '../../actions/provision/built-source.ts';
import { temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { systemClock } from '../../src/clock.ts';
import { createDigitalOcean, type DigitalOcean } from '../../src/digitalocean/client.ts';
import { commitProblem, explainGitHubRefusal, githubSpec } from '../../src/digitalocean/github-source.ts';
import { proposeApp } from '../../src/digitalocean/app.ts';
import { silentLog } from '../../src/log.ts';
import type { Item } from '../../src/migration/item.ts';
import type { Provisioning } from '../../actions/provision/provision.ts';
import { Contract, hasContract } from '../rehearsal/digitalocean/openapi.ts';
import { testWorld, token, type TestWorld } from '../rehearsal/digitalocean/played-world.ts';
import { edgeOf } from './edge-of.ts';

const RUNNING = 'c'.repeat(40);
const OTHER = 'd'.repeat(40);
const build = { repository: 'acme/shop', branch: 'main', dockerfile: 'Dockerfile' };
const components = [{ name: 'web' }, { name: 'worker' }];

let world: TestWorld;
let client: DigitalOcean;
let code: string;

beforeAll(async () => {
  world = await testWorld();
  client = createDigitalOcean({ token, apiUrl: world.apiUrl, log: silentLog, clock: systemClock });
  code = temporaryDirectory('built');
  mkdirSync(code, { recursive: true });
  writeFileSync(join(code, 'idle.mjs'), 'setInterval(() => {}, 1000);');
});

const holds = (commit: string): void => {
  world.branches.set('acme/shop main', { commit, code });
};

function spec(name: string): object {
  const parts = {
    ...githubSpec(build),
    run_command: 'node idle.mjs',
    instance_size_slug: 'apps-s-1vcpu-1gb',
  };
  return { name, region: 'fra', workers: components.map((one) => ({ ...one, ...parts })) };
}

/** An app whose first deployment is active. */
async function deployed(name: string): Promise<{ id: string; deployment: string }> {
  const { body } = await world.api('POST', '/apps', { spec: spec(name) });
  await world
    .apps()
    .find((app) => app.name === name)
    ?.settled();
  const id = (body.app as unknown as { id: string }).id;
  return { id, deployment: await activeOf(id) };
}

async function activeOf(id: string): Promise<string> {
  return (await world.api('GET', `/apps/${id}`)).body.app.active_deployment.id;
}

const proof = (id: string, before: string | undefined): Promise<boolean> =>
  requireSameCode({ client, components, build, commit: RUNNING }, id, before);

const builds = (from: number): number =>
  world.requests.slice(from).filter(({ method, path }) => method === 'POST' && path.endsWith('/deployments'))
    .length;

beforeEach(() => holds(RUNNING));

test('what App Platform built is the commit that Heroku runs: nothing is built again', async () => {
  const from = world.requests.length;
  const { id, deployment } = await deployed('equal');
  expect(await proof(id, deployment)).toBe(false);
  expect(builds(from)).toBe(0);
});

test('a deployment of an older state of the branch is built once more, and then it is the same', async () => {
  holds(OTHER);
  const { id, deployment } = await deployed('older');
  holds(RUNNING);
  expect(await proof(id, deployment)).toBe(true);
  expect(await activeOf(id)).not.toBe(deployment);
  expect(await proof(id, undefined)).toBe(false);
});

test('another commit fails, with what to do, after one more build at most', async () => {
  holds(OTHER);
  const { id, deployment } = await deployed('different');
  const from = world.requests.length;
  // Built in this very run: building it again would give the same.
  await expect(proof(id, undefined)).rejects.toThrow(
    new RegExp(
      `Heroku runs ${RUNNING}, and on the new side web is built from ${OTHER}, worker is built from ${OTHER}\\. It stays closed`,
      'u',
    ),
  );
  expect(builds(from)).toBe(0);
  await expect(proof(id, deployment)).rejects.toThrow(`git push --force origin ${RUNNING}:refs/heads/main`);
  expect(builds(from)).toBe(1);
});

test('what is not told is no proof', async () => {
  const image = world.image({ 'idle.mjs': 'setInterval(() => {}, 1000);' });
  const source = { image: { registry_type: 'DOCR', repository: 'shop', digest: image } };
  const parts = { ...source, run_command: 'node idle.mjs', instance_size_slug: 'apps-s-1vcpu-1gb' };
  const { body } = await world.api('POST', '/apps', {
    spec: { name: 'unknown', region: 'fra', workers: components.map((one) => ({ ...one, ...parts })) },
  });
  await world
    .apps()
    .find(({ name }) => name === 'unknown')
    ?.settled();
  await expect(proof((body.app as unknown as { id: string }).id, undefined)).rejects.toThrow(
    'App Platform does not say what it built web from',
  );
});

describe('of a deployment', () => {
  const told = (commits: Record<string, string>): Parameters<typeof commitProblem>[0] => ({
    ...{ id: 'd1', phase: 'ACTIVE' },
    services: Object.entries(commits).map(([name, commit]) => ({ name, source_commit_hash: commit })),
  });

  test.each([
    ['each from the commit', told({ web: RUNNING, worker: RUNNING }), undefined],
    ['one from another', told({ web: RUNNING, worker: OTHER }), `worker is built from ${OTHER}`],
    [
      'one that is not told',
      told({ web: RUNNING, worker: '' }),
      'App Platform does not say what it built worker from',
    ],
    ['one that is not in it', told({ web: RUNNING }), 'App Platform does not say what it built worker from'],
    ['none that is active', null, 'nothing is deployed'],
  ])('%s', (_what, deployment, problem) => {
    expect(commitProblem(deployment, ['web', 'worker'], RUNNING)).toBe(problem);
  });

  test('no component at all is no proof', () => {
    expect(commitProblem(told({}), [], RUNNING)).toBe('nothing is deployed');
  });
});

test('a repository that App Platform may not read: its refusal is shown with the page to open', async () => {
  world.branches.delete('acme/shop main');
  const refused: unknown = await proposeApp(client, spec('unread'), undefined).catch(
    (error: unknown) => error,
  );
  const explained = explainGitHubRefusal(refused, build);
  expect(explained).toMatchObject({
    name: 'ConfigurationError',
    message: expect.stringMatching(
      /GitHub user not authenticated.*may not read acme\/shop: open https:\/\/cloud\.digitalocean\.com\/apps\/github\/install/u,
    ),
  });
  const other = new Error('something else');
  expect(explainGitHubRefusal(other, build)).toBe(other);
});

test('assess lets App Platform check the spec with the branch: a missing access blocks the plan before anything is made', async () => {
  const asked = (): Promise<Item[]> =>
    askAboutApp(edgeOf({ 'digitalocean-token': token, 'digitalocean-api-url': world.apiUrl }), {
      config: { application: 'shop', checks: [], image: build },
      environment: { migrationId: 'shop-asked' },
      catalogue: {},
      plan: {
        ...{ region: 'fra', traffic: 'dns', domains: [], language: 'node' },
        components: [
          {
            name: 'web',
            kind: 'service',
            command: 'x',
            instanceSize: 'apps-s-1vcpu-1gb',
            count: 1,
            schedule: null,
          },
        ],
      },
    } as unknown as Parameters<typeof askAboutApp>[1]);
  expect(await asked()).toMatchObject([{ id: 'app/spec', verdict: 'automatic' }]);
  const sent = world.requests.findLast(({ path }) => path.endsWith('/apps/propose'))?.body;
  expect(sent).toMatchObject({ spec: { services: [{ github: { repo: 'acme/shop', branch: 'main' } }] } });
  world.branches.delete('acme/shop main');
  expect(await asked()).toMatchObject([
    {
      id: 'app/spec',
      verdict: 'blocked',
      why: expect.stringContaining('https://cloud.digitalocean.com/apps/github/install'),
    },
  ]);
});

describe('what is deployed', () => {
  const given = (
    inputs: Record<string, string>,
    image: typeof build | undefined,
  ): Pick<Provisioning, 'edge' | 'subject'> => ({
    edge: edgeOf(inputs),
    subject: { config: { image } } as unknown as Provisioning['subject'],
  });
  const IMAGE = `ghcr.io/acme/shop@sha256:${'a'.repeat(64)}`;

  test('is the image by its digest, or what App Platform builds, and never both', () => {
    expect(chosenSource(given({ image: IMAGE }, undefined))).toMatchObject({ registry_type: 'GHCR' });
    expect(chosenSource(given({}, build))).toEqual(build);
    expect(() => chosenSource(given({ image: IMAGE }, build))).toThrow('leave one of the two out');
    expect(() => chosenSource(given({}, undefined))).toThrow('image');
  });

  test('is nothing that could be compared when nobody says what Heroku runs', () => {
    expect(requireCommit(given({ commit: RUNNING }, build))).toBe(RUNNING);
    for (const inputs of [{}, { commit: 'main' }])
      expect(() => requireCommit(given(inputs, build))).toThrow('nobody can tell whether the same was built');
  });
});

(hasContract ? test : test.skip)('the spec with a branch is as the API describes it', () => {
  const sent = world.requests.filter(
    ({ method, path }) => method === 'POST' && /\/apps(\/propose)?$/u.test(path),
  );
  const contract = new Contract();
  expect(sent.length).toBeGreaterThan(3);
  expect(sent.flatMap(({ method, path, body }) => contract.problemsOfRequest(method, path, body))).toEqual(
    [],
  );
});
