import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { cutoverSteps } from '../../actions/cutover/steps.ts';
import type { Parties } from '../../actions/parties.ts';
import { endTheWayBack } from '../../actions/roll-back/finalize/finalize.ts';
import { rollBackSteps } from '../../actions/roll-back/steps.ts';
import { startHeroku, type HerokuApp, type HerokuWorld } from '../../rehearsal/heroku/world.ts';
import type { Scope } from '../../rehearsal/heroku/tokens.ts';
import { createAuthority } from '../../rehearsal/servers/certificates.ts';
import { temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { systemClock } from '../../src/clock.ts';
import { createDigitalOcean } from '../../src/digitalocean/client.ts';
import { createHeroku } from '../../src/heroku/client.ts';
import { silentLog } from '../../src/log.ts';
import { environmentOf, parseMigrationConfig } from '../../src/migration/config.ts';
import { openJournal, type Journal } from '../../src/migration/journal.ts';
import { acquireLease, type Lease } from '../../src/migration/lease.ts';
import { defineStep, runSteps, undoAll, type SagaOutcome, type Step } from '../../src/migration/saga.ts';
import type { Strategy } from '../../src/migration/strategy.ts';
import { findPostgresTools } from '../../src/postgres/tools.ts';
import type { RedisAddress } from '../../src/redis/connect.ts';
import { journalDatabase } from '../migration/support/journal-database.ts';
import { recordingLog, twoSides, type TwoSides } from '../postgres/two-sides.ts';
import { clientOf } from '../redis/two-sides.ts';
import { testPostgres, testRedis } from '../support/servers.ts';
import { plannedRecord } from './planned-record.ts';
import { CONFIG } from './played-sides.ts';
import { playWorkers } from './played-workers.ts';

/** An app on the played Heroku with real databases on both sides, and a journal: what a cutover moves. */
export interface MovingSides {
  app: HerokuApp;
  /** Where the app's slug came from, in which its commands run. */
  code: string;
  postgres: TwoSides;
  /** The old Redis and the new one, as their administrators see them. */
  from: Redis;
  to: Redis;
  log: ReturnType<typeof recordingLog>;
  parties: Parties;
  /**
   * Runs the cutover up to and with the step `last` (by default the old jobs are set aside), as a process of its own
   * would. `before` has something done right before a step.
   */
  cutOver: (
    options?: { strategy?: Strategy; last?: string } & Interference,
  ) => Promise<Record<string, unknown>>;
  /** What Heroku's token may do from now on; by default everything. */
  allow: (scopes?: Scope[]) => void;
  /** What App Platform was told to start anew. */
  restarts: string[][];
  /** Every request to DigitalOcean that changes something. */
  changesOfTheNewSide: string[];
  /** How DigitalOcean answers whether the token may change the new app. */
  mayChangeNewApp: { status: number };
  /**
   * Runs the way back, up to and with `last` (by default all of it), as a process of its own would; `before` as for
   * `cutOver`.
   */
  goBack: (options?: { last?: string } & Interference) => Promise<Record<string, unknown>>;
  /** Ends the way back, as a process of its own does; `smoked`: the cutover had passed its smoke test. */
  finalize: (options?: { smoked?: boolean }) => Promise<SagaOutcome>;
  journal: Journal;
  /** Undoes what the journal knows of a cutover, as a roll-back in a process of its own does. */
  undo: (strategy?: Strategy) => Promise<string[]>;
  close: () => Promise<void>;
}

export interface Interference {
  before?: Record<string, () => Promise<unknown>>;
  signal?: AbortSignal;
}

export interface MovingOptions {
  config?: string;
  /** The old server does not let us hold its writers. */
  withoutPause?: boolean;
  /** What the plan of the old Redis holds, as redis.conf says it; default: no limit. */
  oldMaxMemory?: string;
  withoutRedis?: boolean;
  /** The app's release phase: a command that must end well for a release to run. The file `may-pass` is there at first. */
  releasePhase?: string;
  sql?: string;
  /** The record holds a plan that saw the app as it is at the start. */
  planned?: boolean;
}

let heroku: Promise<HerokuWorld> | undefined;

/** Started on first use; the test file calls `stopHeroku` in its own `afterAll`. */
function playedHeroku(): Promise<HerokuWorld> {
  heroku ??= createAuthority('test').then((authority) =>
    startHeroku({ log: silentLog, authority, played: { shutdownSeconds: 1, schedulerMinuteMs: 60_000 } }),
  );
  return heroku;
}

export async function stopHeroku(): Promise<void> {
  await (await heroku)?.stop();
  heroku = undefined;
}

const TOKEN = 'HRKU-token-of-a-moving-side';
const ALL_SCOPES: Scope[] = ['read', 'write', 'read-protected', 'write-protected'];
const PASSWORD = 'old-redis-password';

export async function movingSides(options: MovingOptions = {}): Promise<MovingSides> {
  const [world, postgres, server, journalled] = await Promise.all([
    playedHeroku(),
    twoSides(
      options.sql ??
        `CREATE TABLE orders (id bigserial PRIMARY KEY, note text); INSERT INTO orders (note) VALUES ('a'), ('b')`,
    ),
    testPostgres(),
    journalDatabase(),
  ]);
  const { app, code } = await startApp(world, options);
  const workers = await playWorkers('shop-staging');
  const digitalOcean = createDigitalOcean({
    ...{ token: 'dop_v1_of_a_moving_side', apiUrl: workers.apiUrl },
    ...{ log: silentLog, clock: systemClock },
  });
  const heroku = createHeroku({
    token: TOKEN,
    apiUrl: world.apiUrl,
    dataApiUrl: world.dataApiUrl,
    log: silentLog,
    clock: systemClock,
  });
  const { source, target, from, to } = await redisServers(options);
  const config = parseMigrationConfig(options.config ?? CONFIG, 'migration.yml');
  const environment = environmentOf(config, 'staging');
  const { migrationId } = environment;
  const record = options.planned === true ? plannedRecord(app) : { sections: [] };
  const log = recordingLog();
  const journal: Journal = await openJournal(journalled.address, migrationId);
  const tools = await findPostgresTools(15, { environmentPath: server.binaries.bin });

  const partiesOf = (lease: Pick<Lease, 'epoch' | 'check'>, signal: AbortSignal): Parties =>
    ({
      subject: {
        config,
        environment,
        recordPath: 'record.json',
        record,
      },
      oldSide: {
        heroku,
        interruptible: heroku,
        app: app.name,
        database: postgres.source,
        redis: options.withoutRedis === true ? undefined : source,
      },
      newSide: {
        client: digitalOcean,
        owner: postgres.owner,
        loader: postgres.loader,
        redis: options.withoutRedis === true ? undefined : { admin: target, appUser: 'app' },
        ingressHost: () => Promise.resolve('shop-staging.ondigitalocean.app'),
      },
      frontDoorSecret: 'the-secret-of-a-forwarder-in-a-test',
      tools,
      epoch: lease.epoch,
      checkLease: () => lease.check(),
      directory: temporaryDirectory('moving'),
      log,
      clock: systemClock,
      signal,
    }) as unknown as Parties;

  const never = new AbortController().signal;
  const opened: Step[] = [];
  const saga = { phase: 'cutover', whenUndone: 'Heroku serves as before.', log, clock: systemClock };
  const withLease = async <T>(
    signal: AbortSignal,
    body: (lease: Lease, parties: Parties) => Promise<T>,
  ): Promise<T> => {
    const holder = { runId: '7', runAttempt: 1, actor: 'ada', runUrl: '' };
    const lease = await acquireLease(journal, { holder, log: silentLog, clock: systemClock });
    try {
      return await body(lease, partiesOf(lease, AbortSignal.any([signal, lease.lost])));
    } finally {
      await lease.release();
    }
  };
  const stepsOf = (parties: Parties, strategy: Strategy): Step[] => {
    const checks = {
      gate: () => Promise.resolve({ mode: 'none' as const }) as never,
      preFlight: () => Promise.resolve(null),
      guard: () => Promise.resolve(null),
      resultOf: async (step: string) =>
        (await journal.steps('cutover')).find(({ name }) => name === step)?.result ?? null,
    };
    const steps = cutoverSteps(parties, checks, strategy);
    opened.push(...steps.filter(({ name }) => name === 'follow-redis' || name === 'fence'));
    return steps;
  };
  return {
    app,
    code,
    postgres,
    from,
    to,
    log,
    parties: partiesOf({ epoch: 1, check: () => Promise.resolve() }, never),
    cutOver: ({ strategy = 'window', last = 'set-old-jobs-aside', before = {}, signal = never } = {}) =>
      withLease(signal, async (lease, parties) => {
        const all = stepsOf(parties, strategy);
        const steps = upTo(all, last, before);
        const { results } = await runSteps(journal, lease, steps, { ...saga, signal });
        return results;
      }),
    allow: (scopes = ALL_SCOPES) => world.tokens.add(TOKEN, scopes),
    restarts: workers.restarts,
    changesOfTheNewSide: workers.changes,
    mayChangeNewApp: workers.mayChange,
    goBack: ({ last, before = {}, signal = never } = {}) =>
      withLease(signal, async (lease, parties) => {
        const all = rollBackSteps(parties, await journal.steps('cutover'));
        opened.push(...all.filter(({ name }) => name === 'follow-redis' || name === 'fence'));
        const steps = upTo(all, last ?? all.at(-1)?.name ?? '', before);
        const { results } = await runSteps(journal, lease, steps, {
          ...{ ...saga, phase: 'roll-back', whenUndone: 'The new side serves as before.' },
          signal,
        });
        if (last === undefined) await journal.retire(lease, ['cutover', 'roll-back'], 'rolled back');
        return results;
      }),
    journal,
    finalize: ({ smoked = true } = {}) =>
      withLease(never, async (lease, parties) => {
        const known = await journal.steps('cutover');
        if (smoked && !known.some(({ name }) => name === 'smoke')) {
          const smoke = { phase: 'cutover', name: 'smoke', prior: null, pointOfNoReturn: false };
          await journal.finish(lease, (await journal.begin(lease, smoke)).id, null);
        }
        const edge = { log, clock: systemClock, signal: never };
        const scheduler = { url: world.schedulerUrl, token: TOKEN };
        return endTheWayBack(edge, { parties, scheduler }, { journal, lease, onStep: () => undefined });
      }),
    undo: (strategy = 'window') =>
      withLease(never, (lease, parties) =>
        undoAll(journal, lease, stepsOf(parties, strategy), { ...saga, reason: 'given up' }),
      ),
    close: async () => {
      // What a run that ends without undoing leaves open would otherwise keep this process alive.
      for (const step of opened) await step.undo?.(null, null, { signal: never });
      await journal.close();
      workers.close();
    },
  };
}

function upTo(steps: Step[], last: string, before: Record<string, () => Promise<unknown>>): Step[] {
  const places = steps.map(({ name }) => name);
  for (const name of [last, ...Object.keys(before)]) {
    if (!places.includes(name)) throw new Error(`There is no step ${name}: ${places.join(', ')}`);
  }
  return steps.slice(0, places.indexOf(last) + 1).map((step) => {
    const hook = before[step.name];
    if (hook === undefined) return step;
    return defineStep({
      ...step,
      act: async (prior, context) => {
        await hook();
        return step.act(prior, context);
      },
    });
  });
}

async function startApp(
  world: HerokuWorld,
  { releasePhase }: Pick<MovingOptions, 'releasePhase'>,
): Promise<{ app: HerokuApp; code: string }> {
  world.tokens.add(TOKEN, ALL_SCOPES);
  const code = temporaryDirectory('code');
  mkdirSync(code, { recursive: true });
  writeFileSync(join(code, 'may-pass'), '');
  writeFileSync(
    join(code, 'web.mjs'),
    `import { createServer } from 'node:http'; createServer((q, r) => r.end('ok')).listen(process.env.PORT); process.on('SIGTERM', () => process.exit(0));`,
  );
  const app = await world.createApp({
    name: `shop-${randomBytes(3).toString('hex')}`,
    code,
    processTypes: {
      web: 'node web.mjs',
      worker: 'node -e "setInterval(()=>{},1000)"',
      ...(releasePhase === undefined ? {} : { release: releasePhase }),
    },
    formation: { web: { quantity: 1, size: 'Standard-1X' }, worker: { quantity: 1, size: 'Standard-1X' } },
    config: { RAILS_ENV: 'production' },
    scheduler: [],
    domains: [],
    buildpacks: ['heroku/nodejs'],
  });
  await app.settled();
  return { app, code };
}

/** As on Heroku without CONFIG; as a user of its own where holding writers is to be refused. */
async function redisServers({ withoutPause, oldMaxMemory }: MovingOptions): Promise<{
  source: RedisAddress;
  target: RedisAddress;
  from: Redis;
  to: Redis;
}> {
  const user = `user app on >${PASSWORD} ~* &* +@all${withoutPause === true ? ' -client|pause -client|unpause' : ''}`;
  const [one, other] = await Promise.all([
    testRedis([`maxmemory ${oldMaxMemory ?? '0'}`, 'rename-command CONFIG ""', user]),
    testRedis(['maxmemory-policy noeviction', `user app on >${PASSWORD} ~* &* +@all -@dangerous -@write`]),
  ]);
  const tls = { mode: 'off' } as const;
  const source = { host: one.host, port: one.port, tls };
  const target = { host: other.host, port: other.port, tls };
  return {
    source: { ...source, username: 'app', password: PASSWORD },
    target,
    from: clientOf(source),
    to: clientOf(target),
  };
}
