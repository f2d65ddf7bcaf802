import { beforeAll, expect, test } from '@jest/globals';
import { systemClock } from '../../src/clock.ts';
import { createApp } from '../../src/digitalocean/app.ts';
import { createDigitalOcean, type DigitalOcean } from '../../src/digitalocean/client.ts';
import { requireMayChangeApp } from '../../src/digitalocean/may-change-app.ts';
import { DigitalOceanError } from '../../src/digitalocean/refusal.ts';
import { ConfigurationError } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { found, testWorld, token, type TestWorld } from '../rehearsal/digitalocean/played-world.ts';

// Whether a token may change an app is known without changing it.

let world: TestWorld;
let id: string;
let deployment: string;

beforeAll(async () => {
  world = await testWorld();
  world.tokens.add('dop_v1_reads', ['app:read']);
  world.tokens.add('dop_v1_changes', ['app:read', 'app:update']);
  const digest = world.image({
    'web.mjs': `import { createServer } from 'node:http';
      createServer((_, answer) => answer.end('ok')).listen(Number(process.env.PORT));
      process.on('SIGTERM', () => process.exit(0));`,
  });
  const image = { registry_type: 'GHCR', registry: 'acme', repository: 'shop', digest };
  const web = { name: 'web', image, instance_size_slug: 'apps-s-1vcpu-1gb', run_command: 'node web.mjs' };
  const spec = { name: 'shop', region: 'fra', services: [web] };
  id = (await createApp(client(token), spec)).id;
  await found(world.apps().find((app) => app.id === id)).settled();
  deployment = (await world.api('GET', `/apps/${id}`)).body.app.active_deployment.id;
});

const client = (as: string): DigitalOcean =>
  createDigitalOcean({ token: as, apiUrl: world.apiUrl, log: silentLog, clock: systemClock });

test('a token that may change the app is told apart from one that may not, and nothing is changed', async () => {
  const before = (await world.api('GET', `/apps/${id}`)).text;
  await requireMayChangeApp(client('dop_v1_changes'), { id }, deployment);
  const refused: unknown = await requireMayChangeApp(client('dop_v1_reads'), { id }, deployment).catch(
    (error: unknown) => error,
  );
  expect(refused).toBeInstanceOf(ConfigurationError);
  expect((refused as Error).message).toMatch(/The token lacks the scope `app:update`/);
  expect((await world.api('GET', `/apps/${id}`)).text).toBe(before);
  expect((await world.api('GET', `/apps/${id}/deployments`)).body.deployments).toHaveLength(1);
});

test('an answer that refuses what was asked admits who asked; one that says nothing of it does not', async () => {
  const answering = (status: number): Promise<unknown> => {
    world.faults.inject({ kind: { status, id: 'x', message: 'no' }, times: 1 });
    return requireMayChangeApp(client('dop_v1_changes'), { id }, deployment);
  };
  await answering(400);
  await answering(422);
  await expect(answering(404)).rejects.toThrow(DigitalOceanError);
});

test('it is asked again where nothing was answered', async () => {
  const times = world.faults.inject({ kind: 500, times: 1 });
  await requireMayChangeApp(client('dop_v1_changes'), { id }, deployment);
  expect(times()).toBe(1);
});
