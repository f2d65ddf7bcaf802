import { expect, test } from '@jest/globals';
import type { Catalogue } from '../../src/digitalocean/prices.ts';
import type { Plan, PlanComponent } from '../../src/migration/plan.ts';
import { makeRoadmap, type Roadmap } from '../../src/migration/roadmap.ts';
import { catalogue } from './support/assessed-app.ts';

// Prices of the catalogue: 1 GiB of droplet is $6 (2: $12, 4: $24, 8: $48, 16: $96), with backups a fifth more.

type Workload = Pick<Plan, 'components' | 'cluster' | 'redis'>;
type Running = [instanceSize: string, count: number, usdEach: number | null];

function workload(running: Running, others: Partial<Workload> = {}): Workload {
  const [instanceSize, count, usdEach] = running;
  const component = (kind: PlanComponent['kind']): PlanComponent => ({
    ...{ name: kind, kind, command: 'run', from: 'a dyno', schedule: null, why: 'a test' },
    ...{ instanceSize, count, usdPerMonth: usdEach === null ? null : count * usdEach },
  });
  // A job that only runs at times needs no droplet of its own, and costs by the second.
  return {
    components: [component('worker'), component('scheduled')],
    cluster: null,
    redis: null,
    ...others,
  };
}

function cluster(size: string, nodes: number, usdPerMonth: number): Plan['cluster'] {
  return {
    ...{ engine: 'pg', version: '16', storageMib: null, pool: null, why: 'a test' },
    ...{ size, nodes, usdPerMonth },
  };
}

const redis = { size: 's-1vcpu-1gb', port: 6379, memoryMib: 512, usdPerMonth: 10, why: 'a test' };

function roadmap(plan: Workload, offers: Catalogue = catalogue): Roadmap {
  return makeRoadmap(plan, 'fra1', offers);
}

/** The threshold at which droplets of one's own pay for such instances. */
function paysNext(...running: Running): string {
  return roadmap(workload(running)).steps[1]?.pays ?? '';
}

test('each step has its servers and the price of the whole workload', () => {
  const { steps } = roadmap(
    workload(['apps-d-4vcpu-16gb', 5, 196], { cluster: cluster('gd-2vcpu-8gb', 2, 260), redis }),
  );
  expect(steps.map(({ name, what, usdPerMonth }) => [name, what, usdPerMonth])).toEqual([
    [
      'Now: App Platform',
      'App Platform runs the containers, DigitalOcean runs Postgres, Redis is on a droplet of yours',
      1252,
    ],
    [
      'Next: the same containers on droplets',
      // 80 GiB on droplets with 7.5 GiB free each, and one to spare.
      '12 × s-4vcpu-8gb with Docker (for example with Kamal), for 80.0 GiB of instances and one droplet to spare; Postgres stays managed',
      963.2,
    ],
    [
      'Later: Postgres on droplets, too',
      '2 × s-4vcpu-8gb, the second as a standby, with backups to object storage',
      818.4,
    ],
  ]);
  expect(steps.map(({ pays }) => pays)).toEqual([
    'From the first day: no servers to look after but that of Redis.',
    expect.stringMatching(
      /^It saves \$289 a month\. It pays when the instances grow to 2\.1 times of today, /,
    ),
    expect.stringMatching(
      /^It saves \$145 a month\. It pays when the database grows to 4\.1 times .* less than 1\.4 hours a month; .* Backups, upgrades and the standby are yours then\.$/,
    ),
  ]);
});

test('what already saves more than its upkeep, too little, or costs more, says so in dollars', () => {
  expect(paysNext('apps-d-4vcpu-16gb', 10, 196)).toMatch(
    /^Already: it saves \$635 a month, more than 6 hours a month at \$100/,
  );
  expect(paysNext('apps-s-1vcpu-1gb', 10, 12)).toMatch(
    /^Not at this size: it saves \$5 a month, and looking after it takes 6 hours a month at \$100/,
  );
  expect(paysNext('apps-s-1vcpu-1gb', 2, 12)).toBe('Not at this size: it costs $12 a month more.');
});

test('without prices, or a droplet that is large enough, nothing is reckoned', () => {
  const { steps } = makeRoadmap(
    workload(['apps-s-1vcpu-1gb', 2, null], { cluster: cluster('db-s-2vcpu-4gb', 1, 60) }),
    'fra1',
    // No token for DigitalOcean was given.
    undefined,
  );
  expect(steps.slice(1).map(({ usdPerMonth, pays }) => [usdPerMonth, pays])).toEqual([
    [null, 'Not known: prices are missing.'],
    [null, expect.stringMatching(/^Not known: prices are missing\. Backups, upgrades/)],
  ]);
  const elsewhere = { ...catalogue, dropletSizes: [] };
  const none = roadmap(
    workload(['apps-s-1vcpu-1gb', 2, 12], { cluster: cluster('db-s-2vcpu-4gb', 1, 60) }),
    elsewhere,
  );
  expect(none.steps.slice(1).map(({ what, usdPerMonth }) => [what, usdPerMonth])).toEqual([
    ['no droplet that is offered is large enough', null],
    ['no droplet that is offered is large enough', null],
  ]);
});

test('only what the app has keeps the way on open', () => {
  const about = (word: string, plan: Workload): string[] =>
    roadmap(plan).open.filter((line) => line.startsWith(word));
  const bare = workload(['apps-s-1vcpu-1gb', 2, 12]);
  const whole = { ...bare, cluster: cluster('db-s-2vcpu-4gb', 1, 60), redis };
  for (const word of ['Redis', 'Postgres']) {
    expect(about(word, bare)).toEqual([]);
    expect(about(word, whole)).toHaveLength(1);
  }
  for (const word of ['The app is an image', 'Config vars', 'The domains']) {
    expect(about(word, bare)).toHaveLength(1);
  }
  expect(roadmap(bare).steps).toHaveLength(2);
});
