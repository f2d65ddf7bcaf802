import { describe, expect, test } from '@jest/globals';
import { appEnvironment } from '../../src/digitalocean/app-environment.ts';
import { keepEncrypted, mergeSpec } from '../../src/digitalocean/app-spec-merge.ts';
import {
  buildAppSpec,
  componentName,
  type AppSpec,
  type AppSpecInput,
} from '../../src/digitalocean/app-spec.ts';
import { parseImageReference } from '../../src/digitalocean/image-reference.ts';
import { ConfigurationError } from '../../src/errors.ts';
import { componentMetadata } from '../../src/migration/dyno-metadata.ts';

const digest = `sha256:${'a'.repeat(64)}`;

function spec(): AppSpec {
  return buildAppSpec(planned());
}

function planned(): AppSpecInput {
  return {
    name: 'shop-staging',
    region: 'fra',
    vpcId: 'vpc-1',
    source: parseImageReference(`registry.digitalocean.com/acme/shop@${digest}`),
    registryCredentials: undefined,
    processes: [
      { name: 'web', kind: 'service', command: 'bin/web', instanceSize: 'apps-s-1vcpu-1gb', count: 2 },
      {
        name: 'worker',
        kind: 'worker',
        command: `sidekiq -q 'low' && true`,
        instanceSize: 'apps-s-1vcpu-1gb',
        count: 1,
      },
      {
        name: 'release',
        kind: 'release',
        command: 'rake db:migrate',
        instanceSize: 'apps-s-1vcpu-0.5gb',
        count: 1,
      },
      {
        name: 'nightly',
        kind: 'scheduled',
        command: 'rake nightly',
        instanceSize: 'apps-s-1vcpu-0.5gb',
        count: 1,
        schedule: { cron: '0 3 * * *', timeZone: 'UTC' },
      },
    ],
    variables: [
      { key: 'RAILS_ENV', value: 'production', secret: false },
      { key: 'DATABASE_URL', value: 'postgresql://secret', secret: true },
    ],
    domains: ['shop.example.com', 'www.shop.example.com'],
    healthPath: '/health',
    logDestinations: [],
    gate: { language: 'node', key: 'open' },
  };
}

/** The spec as DigitalOcean gives it back: secrets encrypted, its own defaults beside ours, parts that a person added. */
function live(): Record<string, unknown> {
  const planned = JSON.parse(JSON.stringify(spec())) as AppSpec;
  return {
    ...planned,
    egress: { type: 'DEDICATED_IP' },
    features: ['buildpack-stack=ubuntu-22'],
    envs: [
      ...planned.envs.map((one) => (one.type === 'SECRET' ? { ...one, value: 'EV[1:abc:def]' } : one)),
      { key: 'ADDED_BY_HAND', value: 'EV[1:xyz:uvw]', scope: 'RUN_TIME', type: 'SECRET' },
    ],
    services: planned.services.map((one) => ({
      ...one,
      // Tuned by hand.
      termination: { drain_seconds: 60, grace_period_seconds: 600 },
      health_check: { ...one.health_check, period_seconds: 30 },
      alerts: one.alerts.map((alert) => ({ ...alert, disabled: alert.rule === 'RESTART_COUNT' })),
      liveness_health_check: { http_path: '/alive' },
    })),
  };
}

test('the web side runs at once, workers and schedules wait, the release phase is one job', () => {
  const { workers, jobs, ...rest } = spec();
  expect({
    ...rest,
    workers: workers.map(({ run_command, ...worker }) => ({
      ...worker,
      waits: run_command.includes('waiting until'),
    })),
    jobs: jobs.map(({ run_command, ...job }) => ({ ...job, skips: run_command.includes('not open yet') })),
  }).toMatchSnapshot();
});

test('an update keeps dedicated egress, encrypted values and what was added by hand', () => {
  const before = live();
  const changed = { ...spec(), services: spec().services.map((one) => ({ ...one, instance_count: 3 })) };
  const { spec: merged, changed: isChanged, kept } = mergeSpec(before, keepEncrypted(before, { ...changed }));
  expect(isChanged).toBe(true);
  expect(merged.egress).toEqual({ type: 'DEDICATED_IP' });
  expect(merged.vpc).toEqual({ id: 'vpc-1' });
  const values = Object.fromEntries(
    (merged.envs as { key: string; value: string }[]).map(({ key, value }) => [key, value]),
  );
  expect(values).toMatchObject({ DATABASE_URL: 'EV[1:abc:def]', ADDED_BY_HAND: 'EV[1:xyz:uvw]' });
  expect(merged.services).toMatchObject([{ instance_count: 3, termination: { drain_seconds: 60 } }]);
  expect(kept).toEqual(['envs: ADDED_BY_HAND']);
});

describe('what App Platform builds', () => {
  const source = { repository: 'acme/shop', branch: 'main', dockerfile: 'Dockerfile' };
  const built = (changes: object = {}): AppSpec =>
    buildAppSpec({ ...planned(), source: { ...source, ...changes } });
  const components = (spec: object): Record<string, unknown>[] => {
    const { services, workers, jobs } = spec as Record<string, Record<string, unknown>[]>;
    return [services, workers, jobs].flatMap((list) => list ?? []);
  };

  test('every component names the branch and its Dockerfile, and no push deploys it', () => {
    expect(components(built({ directory: 'app' }))).toHaveLength(4);
    for (const component of components(built({ directory: 'app' }))) {
      expect(component).toMatchObject({
        github: { repo: 'acme/shop', branch: 'main', deploy_on_push: false },
        ...{ dockerfile_path: 'Dockerfile', source_dir: 'app' },
      });
      expect(component.image).toBeUndefined();
    }
    for (const component of components(built())) expect(component.source_dir).toBeUndefined();
  });

  test('an update turns from one source to the other and back, and keeps all else', () => {
    const there = mergeSpec(live(), { ...built({ directory: 'app' }) }).spec;
    expect(there.egress).toEqual({ type: 'DEDICATED_IP' });
    for (const component of components(there)) {
      expect([component.image, component.github]).toEqual([undefined, expect.anything()]);
    }
    expect(components(there)[0]).toMatchObject({ termination: { drain_seconds: 60 } });
    const back = mergeSpec(there, { ...spec() }).spec;
    for (const component of components(back)) {
      const { image, github, dockerfile_path: dockerfile, source_dir: directory } = component;
      expect(image).toMatchObject({ digest });
      expect([github, dockerfile, directory]).toEqual([undefined, undefined, undefined]);
    }
  });

  test('a second update changes nothing; deployments by push that somebody turned on are turned off', () => {
    const there = mergeSpec(live(), { ...built() }).spec;
    expect(mergeSpec(there, { ...built() }).changed).toBe(false);
    const pushed = components(there).map((one) => ({
      ...one,
      github: { ...(one.github as object), deploy_on_push: true },
    }));
    const merged = mergeSpec({ ...there, services: pushed.slice(0, 1) }, { ...built() });
    expect(merged.changed).toBe(true);
    expect(components(merged.spec)[0]).toMatchObject({ github: { deploy_on_push: false } });
  });
});

test('a plan that says nothing new changes nothing', () => {
  const before = live();
  expect(mergeSpec(before, keepEncrypted(before, { ...spec() })).changed).toBe(false);
});

test("what a component only starts with is not put back over what a person tuned; the path of the check is the plan's", () => {
  const before = live();
  const moved = spec().services.map((one) => ({
    ...one,
    health_check: { ...one.health_check, http_path: '/up' },
  }));
  const { spec: merged } = mergeSpec(before, keepEncrypted(before, { ...spec(), services: moved }));
  expect(merged.services).toMatchObject([
    {
      termination: { drain_seconds: 60, grace_period_seconds: 600 },
      health_check: { http_path: '/up', period_seconds: 30, timeout_seconds: 5 },
      alerts: [{ disabled: false }, { disabled: false }, { rule: 'RESTART_COUNT', disabled: true }],
      liveness_health_check: { http_path: '/alive' },
    },
  ]);
});

test('an app without them gets health check, drain and alerts, and nothing that it has is lost', () => {
  const bare = live();
  const services = (bare.services as Record<string, unknown>[]).map((one) => ({
    ...one,
    health_check: undefined,
    termination: undefined,
    alerts: undefined,
  }));
  const { spec: merged, changed } = mergeSpec({ ...bare, services }, keepEncrypted(bare, { ...spec() }));
  expect(changed).toBe(true);
  expect(merged.services).toMatchObject(spec().services);
  expect(merged.services).toMatchObject([{ liveness_health_check: { http_path: '/alive' } }]);
});

test('nothing is cut off earlier than at Heroku', () => {
  const [web] = spec().services;
  const [worker] = spec().workers;
  // R10: 60 s to bind; H12: 30 s to the first byte; 30 s from SIGTERM to SIGKILL.
  const { initial_delay_seconds: delay = 0, period_seconds: period = 0 } = web?.health_check ?? {};
  expect(delay + period * (web?.health_check.failure_threshold ?? 0)).toBeGreaterThan(60);
  expect(web?.termination.drain_seconds).toBeGreaterThanOrEqual(30);
  expect(web?.termination.grace_period_seconds).toBeGreaterThanOrEqual(30);
  expect(worker?.termination.grace_period_seconds).toBeGreaterThanOrEqual(30);
});

test('every secret is for the container only: a build would leave it in the image', () => {
  expect(new Set(spec().envs.map(({ scope }) => scope))).toEqual(new Set(['RUN_TIME']));
  expect(spec().envs.find(({ key }) => key === 'DATABASE_URL')?.type).toBe('SECRET');
});

test('each component has its own name where the code reads DYNO', () => {
  const { services, workers, jobs } = buildAppSpec({
    ...planned(),
    variablesOf: ({ name }) => componentMetadata(['DYNO'], name),
  });
  expect([...services, ...workers, ...jobs].map(({ envs }) => envs)).toEqual(
    ['web', 'worker', 'release', 'nightly'].map((name) => [
      { key: 'DYNO', value: `${name}.1`, scope: 'RUN_TIME', type: 'GENERAL' },
    ]),
  );
});

test('a log destination is on every component, and what App Platform shows of its key goes back as it is', () => {
  const logDestinations = [{ name: 'Better Stack', logtail: { token: 'canary' } }];
  const plan = { ...buildAppSpec({ ...planned(), logDestinations }) };
  const shown = JSON.parse(JSON.stringify(plan).replaceAll('canary', 'EV[1:log:token]')) as typeof plan;
  const byHand = { name: 'mine', endpoint: 'https://logs.example.com' };
  const before = {
    ...shown,
    workers: shown.workers.map((one) => ({
      ...one,
      log_destinations: [...(one.log_destinations ?? []), byHand],
    })),
  };
  expect([...plan.services, ...plan.workers, ...plan.jobs].map((one) => one.log_destinations)).toEqual(
    Array.from({ length: 4 }, () => logDestinations),
  );
  const { spec: merged, changed } = mergeSpec(before, keepEncrypted(before, plan));
  expect(changed).toBe(false);
  expect(JSON.stringify(merged)).not.toContain('canary');
  expect(JSON.stringify(merged.workers)).toContain('logs.example.com');
});

test('a domain carries no zone: App Platform would point its record at itself before the switch', () => {
  expect(spec().domains.every((domain) => !('zone' in domain))).toBe(true);
});

test.each([
  [
    `registry.digitalocean.com/acme/shop@${digest}`,
    { registry_type: 'DOCR', registry: '', repository: 'shop' },
  ],
  [`ghcr.io/acme/shop/web@${digest}`, { registry_type: 'GHCR', registry: 'acme', repository: 'shop/web' }],
  [`acme/shop@${digest}`, { registry_type: 'DOCKER_HUB', registry: 'acme', repository: 'shop' }],
])('%s is pulled from where it says', (reference, expected) => {
  expect(parseImageReference(reference)).toEqual({ ...expected, digest });
});

test('a tag is refused: what is deployed must be what was tested', () => {
  expect(() => parseImageReference('ghcr.io/acme/shop:latest')).toThrow(ConfigurationError);
  expect(() => parseImageReference(`quay.io/acme/shop@${digest}`)).toThrow(/cannot pull from/);
});

test('every config var is accounted for, and each that goes says why', () => {
  const { variables, fates } = appEnvironment({
    configVars: {
      DATABASE_URL: 'postgres://old',
      PRIMARY_DATABASE: 'postgres://old',
      HEROKU_POSTGRESQL_RED_URL: 'postgres://old',
      DATABASE_CONNECTION_POOL_URL: 'postgres://pool',
      RAILS_ENV: 'production',
      STRIPE_KEY: 'sk',
      FLAG: 'x',
      OLD: 'y',
    },
    plain: new Set(['RAILS_ENV']),
    movedAddOns: new Map([['DATABASE_CONNECTION_POOL_URL', 'heroku-postgresql:standard-0']]),
    drop: ['OLD'],
    set: { FLAG: 'z' },
    replacements: { DATABASE_URL: { value: 'postgresql://new', secret: true, reason: 'moved' } },
  });
  expect(Object.fromEntries(fates.map(({ name, fate }) => [name, fate]))).toEqual({
    DATABASE_URL: 'replaced',
    PRIMARY_DATABASE: 'replaced',
    HEROKU_POSTGRESQL_RED_URL: 'dropped',
    DATABASE_CONNECTION_POOL_URL: 'dropped',
    RAILS_ENV: 'kept',
    STRIPE_KEY: 'kept',
    FLAG: 'replaced',
    OLD: 'dropped',
  });
  expect(fates.every(({ reason }) => reason !== '')).toBe(true);
  expect(variables).toContainEqual({ key: 'PRIMARY_DATABASE', value: 'postgresql://new', secret: true });
  expect(variables).toContainEqual({ key: 'STRIPE_KEY', value: 'sk', secret: true });
  expect(variables).toContainEqual({ key: 'RAILS_ENV', value: 'production', secret: false });
});

test.each([
  ['web', 'web'],
  ['high_priority', 'high-priority'],
  ['1st', 'st'],
  ['a', 'process-a'],
])('process type %s becomes component %s', (type, name) => {
  expect(componentName(type)).toBe(name);
});
