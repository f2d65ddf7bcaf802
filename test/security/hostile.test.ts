import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseCommand, type Command } from '../../rehearsal/runner/command.ts';
import { parseRecord } from '../../src/migration/record.ts';
import { evidenceOf } from '../../src/report/evidence/evidence.ts';
import { evidencePage } from '../../src/report/evidence/html.ts';
import { wrongSql } from '../postgres/everything-wrong.ts';
import { faultsOf } from '../report/evidence/well-formed.ts';
import { structureOf } from '../support/markdown-structure.ts';
import { secret, startGround, type Ground } from '../worlds/ground.ts';
import { openWorld, type Assessed, type World, type WorldPlan } from '../worlds/world.ts';
import { HOSTILE, HOSTILE_MESSAGE, MARK } from './hostile-words.ts';

// Two worlds of one shape. In one of them everything that has a name has one that would be obeyed, drawn or followed
// somewhere: whatever is written about the two differs in words only.

let ground: Ground;
const opened: Partial<Record<'benign' | 'hostile', { world: World; run: Assessed }>> = {};

beforeAll(async () => {
  // No platform answers like that: these answers are not for whoever holds answers against the descriptions.
  delete process.env['REHEARSAL_ASKED'];
  ground = await startGround();
  const open = async (kind: 'benign' | 'hostile') => {
    const world = await openWorld(ground, worldOf(kind));
    opened[kind] = { world, run: await world.assess('production') };
  };
  await Promise.all([open('benign'), open('hostile')]);
}, 120_000);
afterAll(async () => {
  for (const { world } of Object.values(opened)) await world.stop();
  await ground.stop();
});

/** A name of each kind, the next hostile word behind it. */
function worldOf(kind: 'benign' | 'hostile'): WorldPlan {
  let next = 0;
  const named = (name: string): string => {
    next += 1;
    return kind === 'benign' ? `${name}${next}` : `${name}${next}${HOSTILE[next % HOSTILE.length] ?? ''}`;
  };
  const long = (text: string): string =>
    kind === 'benign' ? text : `${text} ${HOSTILE_MESSAGE.slice(0, 100_000)}`;
  const tables = [
    ...['keyless', 'scratch', 'small_ids', 'users_email', 'positive', 'numbered', 'sorted', 'broken'],
    ...['broken_code', 'tenants', 'own', 'cents', 'quiet', 'totals', 'everything', 'events_2026'],
  ];
  const sql = tables.reduce(
    (text, name) => text.replaceAll(new RegExp(`\\b${name}\\b`, 'g'), quoted(named(name))),
    wrongSql,
  );
  return {
    config: `application: wrong
environments:
  production: { heroku-app: wrong, region: fra, domains: [www.wrong.example] }
schedule:
  - { name: cleanup, command: ${JSON.stringify(`rake ${named('cleanup')}`)}, cron: "0 4 * * *" }
`,
    checkout: {
      'package.json': JSON.stringify({
        name: 'wrong',
        engines: { node: named('22.x') },
        dependencies: { [named('stripe')]: '1', express: named('4'), stripe: '1' },
      }),
      Procfile: `web: node a.js\nworker: node ${named('w.js').replaceAll(/[\r\n]/g, ' ')}\n`,
      'a.js': `fetch("https://shop-1a2b3c.herokuapp.com/${named('x')}");\nprocess.env.HEROKU_SLUG_COMMIT\n`,
      [`src/${named('b').replaceAll(/[/\u0000]/g, '')}.js`]: 'process.env.DYNO\n',
    },
    build: async (site) => {
      const database = await site.database({ sql });
      const store = await site.store({
        maxMemoryMib: 200,
        fill: async (redis) => {
          await redis.sadd('queues', 'default', named('queue'));
          const job = (queue: string): string =>
            JSON.stringify({ jid: '1', class: named('Mail'), args: [named('a')], queue });
          await redis.lpush('queue:default', job('default'));
          await redis.lpush(`queue:${named('queue')}`, job('other'));
          await redis.set(named('blob'), 'x'.repeat(3_000_000));
          await redis.set(long('key'), 'x');
          for (let n = 0; n < 50; n += 1) await redis.set(named('cache:page:'), 'x'.repeat(2_000));
        },
      });
      const grafana = await store.client('grafana');
      await grafana.call('CLIENT', 'SETNAME', 'grafana');
      await database.client(named('metabase').slice(0, 60));
      await site.heroku.createApp({
        name: 'wrong',
        onPaper: true,
        code: site.directory,
        team: named('team'),
        collaborators: [named('ada@example.com')],
        buildpacks: ['heroku/nodejs', named('https://github.com/acme/buildpack')],
        processTypes: {
          web: 'node a.js',
          [named('worker')]: `node ${named('w.js')}`,
          huge: long('node huge.js'),
          release: named('rake db:migrate'),
        },
        formation: { web: { quantity: 1, size: 'Standard-1X' }, huge: { quantity: 1, size: 'Standard-1X' } },
        config: {
          [named('ODD_NAME')]: 'https://wrong.herokuapp.com/callback',
          [named('OTHER')]: named('plain'),
          STRIPE_WEBHOOK_SECRET: secret(),
        },
        postgres: {
          plan: 'standard-0',
          url: database.url,
          followers: [named('postgresql-flat-11111')],
          forks: [named('HEROKU_POSTGRESQL_BLUE')],
          credentials: ['default', named('reports')],
          links: [named('redis-curved-22222')],
          maintenance: {
            status: 'pending',
            scheduledFor: '2026-12-01T18:00:00Z',
            requiredBy: '2026-12-08T18:00:00Z',
            reason: named('an operating system update'),
          },
        },
        redis: { plan: 'premium-0', url: store.url },
        scheduler: [
          { command: `rake ${named('undeclared')}`, every: 60, at: 10 },
          { command: long('rake huge'), every: 1440, at: 0 },
        ],
        addOns: [
          { plan: `papertrail:${named('fixa')}`, cents: 700, config: { PAPERTRAIL_API_TOKEN: secret() } },
          { plan: `${named('mysterious')}:large`, cents: 4200, config: { [named('MYSTERY')]: secret() } },
        ],
        drains: [`https://drain.example.net/${secret()}`, named('syslog://drain.example.org')],
        webhooks: [{ url: `https://hooks.example.net/${secret()}`, include: [named('api:release')] }],
        domains: ['www.wrong.example', named('odd.wrong.example')],
        pipeline: { name: named('pipeline'), stage: 'production', review: { automatic: true, open: 3 } },
        features: [named('preboot')],
        github: { repo: named('acme/wrong'), branch: named('main'), autoDeploy: true, waitForCi: false },
      });
    },
  };
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""').slice(0, 60)}"`;
}

const of = (kind: 'benign' | 'hostile'): { world: World; run: Assessed } => {
  const found = opened[kind];
  if (found === undefined) throw new Error(`There is no ${kind} world.`);
  return found;
};

/** As it was written: what runEntry gives lacks the escapes. */
function summaryOf(kind: 'benign' | 'hostile'): string {
  const [file = ''] = globSync(join(of(kind).world.directory, 'run-*/summary'));
  return readFileSync(file, 'utf8');
}

function pageOf(kind: 'benign' | 'hostile'): string {
  const text = readFileSync(join(of(kind).world.directory, 'record-1.json'), 'utf8');
  return evidencePage(evidenceOf(parseRecord(text, 'record')));
}

const commandsIn = (log: string): Command[] =>
  log.split(/\r\n|\n|\r/).flatMap((line) => parseCommand(line) ?? []);

/** What somebody else's words have made the runner do. */
const obeyed = (log: string): Command[] =>
  commandsIn(log).filter(
    ({ name, message }) =>
      message.startsWith(MARK) ||
      !['add-mask', 'debug', 'group', 'endgroup', 'error', 'warning', 'notice'].includes(name),
  );

test('names from both sides are in the report, so that there was something to be obeyed', () => {
  const { visible } = of('hostile').run;
  expect(visible.split(MARK).length).toBeGreaterThan(100);
  expect(obeyed(`a\n::error::${MARK}\nb ##[add-mask]${MARK}`)).toHaveLength(2);
});

test('no command of anybody else is obeyed, and ours are the same', () => {
  const [benign, hostile] = [of('benign').run.log, of('hostile').run.log];
  expect(obeyed(hostile)).toEqual([]);
  const counted = (log: string): Record<string, number> =>
    Object.fromEntries(
      ['debug', 'group', 'endgroup', 'error', 'warning', 'notice'].map((one) => [
        one,
        commandsIn(log).filter(({ name }) => name === one).length,
      ]),
    );
  expect(counted(hostile)).toEqual(counted(benign));
});

test('the summary has the same structure, and GitHub takes it', () => {
  const [benign, hostile] = [summaryOf('benign'), summaryOf('hostile')];
  expect(structureOf(benign).faults).toEqual([]);
  // Some of these names are findings more (a command that a shell must read, a drain that is no URL), each a row as wide as
  // the others, or it were a fault.
  const { rows, ...expected } = structureOf(benign);
  expect(structureOf(hostile)).toMatchObject(expected);
  expect(structureOf(hostile).rows).toBeGreaterThanOrEqual(rows);
  expect(structureOf(hostile).faults).toEqual([]);
  expect(Buffer.byteLength(hostile)).toBeLessThan(1024 * 1024);
});

test('the page of evidence has the same elements, and nothing in it runs', () => {
  const [benign, hostile] = [pageOf('benign'), pageOf('hostile')];
  expect(faultsOf(hostile)).toEqual([]);
  const elements = (html: string): string[] => html.match(/<\/?[a-z][a-z0-9]*/g) ?? [];
  expect(elements(hostile)).toEqual(elements(benign));
  expect(hostile.length).toBeLessThan(2_000_000);
});

test.each(['heroku', 'digitalocean'] as const)(
  'an error of %s is told as text, however long it is',
  async (company) => {
    const { world } = of('benign');
    const { faults } = company === 'heroku' ? world.heroku : ground.digitalOcean;
    const kind = { status: 422, id: HOSTILE.join(' '), message: HOSTILE_MESSAGE };
    faults.inject({ times: 200, kind });
    const failed = await world
      .assess('production')
      .then(({ log, visible }) => ({ log, visible }))
      .catch((error: unknown) => ({ log: String(error), visible: String(error) }))
      .finally(() => faults.clear());
    expect(failed.visible).toContain(MARK);
    expect(obeyed(failed.log)).toEqual([]);
    expect(Math.max(...failed.log.split('\n').map((line) => line.length))).toBeLessThan(70_000);
    for (const file of globSync(join(world.directory, 'run-*/summary')))
      expect(structureOf(readFileSync(file, 'utf8')).faults).toEqual([]);
  },
);

test('the eyes would see markup that came through', () => {
  expect(structureOf('| a |\n| - |\n| b | c |').faults).toHaveLength(1);
  expect(structureOf('text </details> <img src=x>').tags).toEqual({ '/details': 1, img: 1 });
  expect(structureOf('[x](javascript:y)').links).toEqual(['javascript:y']);
  expect(structureOf('see https://evil.example').faults).toHaveLength(1);
  expect(structureOf('a \u202e b').faults).toHaveLength(1);
  expect(structureOf('# Heading').headings).toBe(1);
  expect(structureOf('\\# no \\[x\\]\\(y\\) &lt;b&gt;')).toMatchObject({ headings: 0, links: [], tags: {} });
});
