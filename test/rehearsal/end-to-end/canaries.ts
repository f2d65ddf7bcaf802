import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, relative } from 'node:path';
import { parse, stringify } from 'yaml';
import type { PipelineOptions } from '../../../rehearsal/pipeline.ts';
import type { WorkflowResult } from '../../../rehearsal/runner/options.ts';
import { frontDoorSecret } from '../../../src/front-door/secret.ts';
import { requireMigrationKey } from '../../../src/migration/secrets.ts';
import { redisSecrets } from '../../../src/migration/target.ts';
import { watchArguments } from '../../support/process-arguments.ts';
import { keepReceived, type Received } from '../../support/received.ts';
import { searchFor } from '../../../rehearsal/secret-forms.ts';
import { MARK } from '../../security/hostile-words.ts';
import type { Shop } from './shop-under-migration.ts';

// Canaries: every secret of a world has an unmistakable value of its own, and nobody but those who must may ever see it.

/** Whoever is asked something in a world. */
export type Party =
  'heroku' | 'digitalocean' | 'github' | 'old site' | 'new site' | 'webhooks' | 'docker' | 'others';

/** Whoever boots the application must know what it knows: App Platform, and the runner's own Docker, which tries the image. */
const BOOTS: readonly Party[] = ['digitalocean', 'docker'];

/** A value, and who may be told it; in no file, log or argument may it stand at all. */
interface Canary {
  value: string;
  toldTo: readonly Party[];
}

export interface Canaries {
  /** For each run: secrets of the environments, debug logging, and somebody who looks. */
  options: Required<Pick<PipelineOptions, 'secrets' | 'vars' | 'watch'>>;
  /** The config vars of the apps that were planted, by their names. */
  configVars: Readonly<Record<string, string>>;
  /**
   * Each as `what it is in where`: everything that was seen, written or asked since, of every run of the shop so far; and
   * each workflow command that was none of ours.
   */
  leaks(): Promise<string[]>;
  /** How much there was to look at, by place: who looks at nothing finds nothing. */
  lookedAt(): Record<string, number>;
  close(): Promise<void>;
}

/** Characters that each encoding writes in another way, between two words that stand nowhere else. */
const ODD = `/+ "q' \\%41&<o>ü🔑`;
/** Such as a header bears. */
const ODD_IN_HEADERS = String.raw`/+"'\%41&<o>`;

const word = (): string => `cnry${randomBytes(9).toString('hex')}`;
const odd = (between = ODD): string => `${word()}${between}${word()}`;

/** A key as OpenSSL writes it. */
function pem(): string {
  const lines = randomBytes(600)
    .toString('base64')
    .match(/.{1,64}/g);
  return `-----BEGIN PRIVATE KEY-----\n${lines?.join('\n')}\n-----END PRIVATE KEY-----\n`;
}

/** What people keep in config vars, of every class that the actions know. */
function newConfigVars(): Record<string, string> {
  const password = odd();
  return {
    SECRET_KEY_BASE: randomBytes(64).toString('hex'),
    RAILS_MASTER_KEY: randomBytes(16).toString('hex'),
    SHOP_WEBHOOK_SECRET: odd(),
    TLS_PRIVATE_KEY: pem(),
    GOOGLE_CREDENTIALS: JSON.stringify({
      type: 'service_account',
      private_key_id: word(),
      private_key: pem(),
      client_email: `${word()}@acme.iam.example`,
    }),
    SMTP_URL: `smtps://${word()}:${encodeURIComponent(password)}@smtp.example.com:465/?key=${word()}`,
    SENTRY_DSN: `https://${word()}@o1.ingest.example/42`,
    ODDLY_NAMED: odd(' $HOME `id` $(id)\u202e\u200b '),
    GREETING: `Hello ${word()}, and 50 % off`,
    // Treated as plain by its name, and too much like a word to be masked: it must not be shown for all that.
    LOG_LEVEL: `cnry${[...randomBytes(12)].map((byte) => String.fromCharCode(97 + (byte % 26))).join('')}`,
  };
}

/**
 * Gives every secret of the shop's world a value of its own, and looks from then on. Config vars are set as their people
 * set them; the tokens are further ones of the same rights, so that the test itself may go on asking with the others.
 * `migrationKey` is for whoever looks into the new Redis by a key that is known.
 */
export async function plantCanaries(
  shop: Shop,
  { migrationKey = odd() }: { migrationKey?: string } = {},
): Promise<Canaries> {
  const { world } = shop;
  const webhooks = await startReceiver();
  const checkPassword = odd(ODD_IN_HEADERS);
  const secrets = {
    HEROKU_TOKEN: `HRKU-${odd(ODD_IN_HEADERS)}`,
    DIGITALOCEAN_TOKEN: `dop_v1_${odd(ODD_IN_HEADERS)}`,
    MIGRATION_KEY: migrationKey,
    CLOUDFLARE_TOKEN: odd(ODD_IN_HEADERS),
    AWS_ACCESS_KEY_ID: `AKIA${word()}`,
    AWS_SECRET_ACCESS_KEY: odd(),
    DNS_COMMAND_SECRET: odd(),
    NOTIFY_SLACK_URL: `${webhooks.url}/services/${word()}?key=${word()}`,
    NOTIFY_WEBHOOK_URL: `${webhooks.url}/hook/${word()}`,
    CHECK_SECRETS: JSON.stringify({ SHOP_PASSWORD: checkPassword }),
  };
  world.heroku.tokens.add(secrets.HEROKU_TOKEN, ['global']);
  world.digitalOcean.tokens.add(secrets.DIGITALOCEAN_TOKEN, 'all');
  const configVars = newConfigVars();
  for (const { app } of world.oldSides.values()) {
    await setConfigVars(shop, app.name, configVars);
    await app.settled();
  }
  sendTheSecret(join(world.workspace, 'migration.yml'));

  const seen = keepSeen();
  const { received, stop } = keepReceived();
  const watching = watchArguments(join(shop.directory, 'arguments.txt'));
  let looked: Record<string, number> = {};

  async function canaries(): Promise<Record<string, Canary>> {
    const none: readonly Party[] = [];
    const known: Record<string, Canary> = {
      HEROKU_TOKEN: { value: secrets.HEROKU_TOKEN, toldTo: ['heroku'] },
      DIGITALOCEAN_TOKEN: { value: secrets.DIGITALOCEAN_TOKEN, toldTo: ['digitalocean'] },
      NOTIFY_SLACK_URL: { value: secrets.NOTIFY_SLACK_URL, toldTo: none },
      NOTIFY_WEBHOOK_URL: { value: secrets.NOTIFY_WEBHOOK_URL, toldTo: none },
      'password of CHECK_SECRETS': { value: checkPassword, toldTo: ['old site', 'new site'] },
    };
    for (const name of [
      'MIGRATION_KEY',
      'CLOUDFLARE_TOKEN',
      'AWS_ACCESS_KEY_ID',
      'AWS_SECRET_ACCESS_KEY',
      'DNS_COMMAND_SECRET',
    ] as const)
      known[name] = { value: secrets[name], toldTo: none };
    // The first word of what stands in an address is enough to know it by.
    for (const [name, { value }] of Object.entries(known)) {
      for (const [place, found] of wordsOf(value).entries())
        known[`word ${place + 1} of ${name}`] = {
          value: found,
          toldTo: name.startsWith('NOTIFY') ? ['webhooks'] : (known[name]?.toldTo ?? none),
        };
    }
    for (const [environment, { app, databaseUrl, redisUrl }] of world.oldSides) {
      for (const [name, value] of Object.entries(app.config())) {
        // "production" and "2" are no secrets.
        if (value.length < 12) continue;
        known[`${name} of ${environment}`] = { value, toldTo: BOOTS };
        for (const [place, found] of wordsOf(value).entries())
          known[`word ${place + 1} of ${name} of ${environment}`] = {
            value: found,
            toldTo: BOOTS,
          };
      }
      for (const url of [databaseUrl, redisUrl]) {
        const { protocol, password } = new URL(url);
        for (const value of new Set([password, decodeURIComponent(password)]))
          known[
            `password of ${protocol} of ${environment} as ${value === password ? 'written' : 'decoded'}`
          ] = {
            value,
            toldTo: BOOTS,
          };
      }
      Object.assign(known, madeByTheMigration(`shop-${environment}`, secrets.MIGRATION_KEY));
    }
    Object.assign(known, await passwordsOfClusters(shop), tokensOfJobs(received, world.github.apiUrl));
    return known;
  }

  return {
    options: { secrets, vars: { ACTIONS_STEP_DEBUG: 'true' }, watch: seen.watch },
    configVars,
    lookedAt: () => looked,
    leaks: async () => {
      const known = await canaries();
      const search = searchFor(
        Object.fromEntries(Object.entries(known).map(([name, { value }]) => [name, value])),
      );
      const places = [
        ...seen.places,
        ...shop.runs.flatMap(writtenBy),
        { place: 'process arguments', text: watching.seen() },
        ...(await journalsOf(shop)),
      ];
      looked = {};
      const count = (what: string, size: number): void => {
        looked[what] = (looked[what] ?? 0) + size;
      };
      const written = places.flatMap(({ place, text }) => {
        count(place.split(' ')[0] ?? '', text.length);
        return search(text).map((name) => `${name} in ${place}`);
      });
      const partyOf = partiesOf(shop, webhooks.port);
      const told = received.flatMap(({ port, text }) => {
        const party = partyOf(port);
        count(party, text.length);
        return search(text)
          .filter((name) => known[name]?.toldTo.includes(party) !== true)
          .map((name) => `${name} told to ${party} (${text.slice(0, text.indexOf('\n')).slice(0, 80)})`);
      });
      return [...new Set([...seen.forged, ...written, ...told])];
    },
    close: async () => {
      stop();
      await watching.stop();
      await webhooks.close();
    },
  };
}

/** The words that are found whatever has been done to the characters between them, and whatever was cut off. */
function wordsOf(value: string): string[] {
  return [...new Set(value.match(/cnry[0-9a-f]{18}/g) ?? [])].filter((found) => found !== value);
}

async function setConfigVars({ world }: Shop, app: string, values: Record<string, string>): Promise<void> {
  const answer = await fetch(`${world.heroku.apiUrl}/apps/${app}/config-vars`, {
    method: 'PATCH',
    headers: {
      accept: 'application/vnd.heroku+json; version=3',
      authorization: `Bearer ${world.tokens.heroku}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify(values),
  });
  if (!answer.ok) throw new Error(`${app} did not take the config vars: ${await answer.text()}`);
}

/** A check of the site that logs in, so that a secret goes where it belongs. */
function sendTheSecret(file: string): void {
  const config = parse(readFileSync(file, 'utf8')) as { checks: object[] };
  config.checks.push({
    name: 'with a password',
    path: '/health',
    send: { 'x-password': '{{secret.SHOP_PASSWORD}}' },
  });
  writeFileSync(file, stringify(config));
}

/** The commands that the actions write. */
const OURS = new Set(['add-mask', 'debug', 'group', 'endgroup', 'error', 'warning', 'notice']);

/** What the steps of the runs wrote, line by line, and what their machines held in the end. */
export function keepSeen() {
  const texts = new Map<string, string>();
  /** What somebody else's words have made the runner do. */
  const forged: string[] = [];
  const keep = (place: string, text: string): void => {
    texts.set(place, (texts.get(place) ?? '') + text);
  };
  const watch: NonNullable<PipelineOptions['watch']> = {
    onRawLine: (job, step, line) => {
      // The one line in which a secret must stand: it tells the runner what to hide.
      if (!line.startsWith('::add-mask::')) keep(`output of ${job}, ${step}`, `${latin1(line)}\n`);
    },
    onCommand: (job, step, { name, message }) => {
      if (message.startsWith(MARK) || !OURS.has(name))
        forged.push(`${name} obeyed in ${job}, ${step}: ${message}`);
    },
    onMachineGone: (job, folder, died) => {
      // Nobody cleans up where nobody lives any more.
      if (died) return;
      for (const { file, text } of filesBelow(folder))
        keep(`machine of ${job}, ${relative(folder, file)}`, text);
    },
  };
  return {
    watch,
    forged,
    get places() {
      return [...texts].map(([place, text]) => ({ place, text }));
    },
  };
}

const latin1 = (text: string): string => Buffer.from(text).toString('latin1');

function filesBelow(folder: string): { file: string; text: string }[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .map((file) => ({ file, text: `${latin1(relative(folder, file))}\n${readFileSync(file, 'latin1')}` }));
}

/** Logs as people see them, summaries, artifacts (records and pages among them) and outputs. */
export function writtenBy(
  run: Pick<WorkflowResult, 'runId' | 'runAttempt' | 'jobs' | 'outputs' | 'artifacts' | 'logs' | 'summaries'>,
): { place: string; text: string }[] {
  const name = `run ${run.runId}.${run.runAttempt}`;
  const files = (['logs', 'summaries', 'artifacts'] as const).flatMap((what) =>
    filesBelow(run[what]).map(({ file, text }) => ({
      place: `${what} of ${name}, ${relative(run[what], file)}`,
      text,
    })),
  );
  const outputs = [run.outputs, ...run.jobs.map((job) => job.outputs)]
    .flatMap((all) => Object.entries(all))
    .map(([output, value]) => `${output}=${value}\n`)
    .join('');
  return [...files, { place: `outputs of ${name}`, text: latin1(outputs) }];
}

/** All that the journals remember, on every cluster that has one. */
async function journalsOf({ world }: Shop): Promise<{ place: string; text: string }[]> {
  const online = world.digitalOcean.clusters().filter(({ status }) => status === 'online');
  return Promise.all(
    online.map(async (cluster) => {
      const [there] = await cluster.query(
        'postgres',
        `select from pg_database where datname = 'migration_journal'`,
      );
      if (there === undefined) return { place: `journal of ${cluster.name}`, text: '' };
      const [row] = await cluster.query<{ text: string }>(
        'migration_journal',
        `select schema_to_xml('journal', true, false, '')::text as text`,
      );
      return { place: `journal of ${cluster.name}`, text: latin1(row?.text ?? '') };
    }),
  );
}

/** Passwords and keys that follow from the migration key. */
function madeByTheMigration(migrationId: string, text: string): Record<string, Canary> {
  const key = requireMigrationKey(text);
  const { appPassword, adminPassword, ca, server } = redisSecrets({
    key,
    migrationId,
    mask: () => undefined,
  });
  return {
    [`Redis user of ${migrationId}`]: { value: appPassword, toldTo: BOOTS },
    [`Redis administrator of ${migrationId}`]: { value: adminPassword, toldTo: [] },
    [`seed of the Redis authority of ${migrationId}`]: { value: ca.toString('hex'), toldTo: [] },
    [`seed of the Redis key of ${migrationId}`]: { value: server.toString('hex'), toldTo: [] },
    // In the source of the forwarder, too, which Heroku builds.
    [`front-door secret of ${migrationId}`]: {
      value: frontDoorSecret(key, migrationId),
      toldTo: [...BOOTS, 'heroku'],
    },
  };
}

async function passwordsOfClusters({ world }: Shop): Promise<Record<string, Canary>> {
  const answer = await fetch(`${world.digitalOcean.apiUrl}/v2/databases`, {
    headers: { authorization: `Bearer ${world.tokens.digitalOcean}` },
  });
  const { databases } = (await answer.json()) as {
    databases: { name: string; users: { name: string; password?: string }[] }[];
  };
  return Object.fromEntries(
    databases.flatMap(({ name, users }) =>
      users.flatMap((user) =>
        user.password === undefined
          ? []
          : [[`password of ${user.name} on ${name}`, { value: user.password, toldTo: BOOTS } as const]],
      ),
    ),
  );
}

/** The token that GitHub gives to each job: as GitHub was shown it. */
function tokensOfJobs(received: readonly Received[], apiUrl: string): Record<string, Canary> {
  const port = Number(new URL(apiUrl).port);
  const tokens = received
    .filter((one) => one.port === port)
    .flatMap(({ text }) => /\nauthorization\n(?:token|bearer) (\S+)/i.exec(text)?.[1] ?? []);
  return Object.fromEntries(
    [...new Set(tokens)].map((value, place) => [`token of job ${place + 1}`, { value, toldTo: ['github'] }]),
  );
}

function partiesOf({ world }: Shop, webhooks: number): (port: number) => Party {
  const portOf = (url: string): number => Number(new URL(url).port);
  const { heroku, digitalOcean, github } = world;
  const parties = new Map<number, Party>([
    [portOf(heroku.apiUrl), 'heroku'],
    [heroku.router.http.port, 'old site'],
    [heroku.router.https.port, 'old site'],
    [portOf(digitalOcean.apiUrl), 'digitalocean'],
    [digitalOcean.ingress.http.port, 'new site'],
    [digitalOcean.ingress.https.port, 'new site'],
    [portOf(github.apiUrl), 'github'],
    [webhooks, 'webhooks'],
    // At a path of the runner's machine.
    [0, 'docker'],
  ]);
  return (port) => parties.get(port) ?? 'others';
}

/** Where notices go. */
async function startReceiver(): Promise<{ url: string; port: number; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    request.resume().once('end', () => response.end('ok'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
