import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';

import type { CallbackOwner } from '../checks/callbacks.ts';
import { ConfigurationError } from '../errors.ts';
import { parseByteSize } from './byte-size.ts';
import { capacityOf, type CapacityConfig } from './capacity-config.ts';
import { declaredCheck, type DeclaredCheck } from './check-config.ts';
import type { Problem } from './config-problems.ts';
import { lineOf, problemsOf } from './config-problems.ts';
import type { ConfigFile } from './config-schema.ts';
import { configSchema } from './config-schema.ts';
import type { CutoverWindow } from './cutover-window.ts';
import { parseDuration } from './duration.ts';
import { nearest } from './nearest.ts';
import { withoutSecrets } from './no-secrets.ts';

/** What the user decided, from migration.yml. Durations are milliseconds. */
export interface MigrationConfig {
  application: string;
  strategy: 'auto' | 'window' | 'live';
  live: LiveConfig;
  traffic: 'dns' | 'front-door' | 'cdn';
  downtimeBudgetMs: number;
  /** How old the rehearsals may be that the gate of a protected environment asks for. */
  rehearsalMaxAgeMs: number;
  environments: Record<string, EnvironmentConfig>;
  dns: DnsConfig | undefined;
  postgres: PostgresConfig;
  redis: RedisConfig;
  /** What App Platform builds the image from; undefined: the workflow builds it. */
  image?: SourceBuild | undefined;
  /** Of the processes; undefined: read from the buildpacks. */
  language: Language | undefined;
  workers: { quietTimeoutMs: number; whenBusy: 'abort' | 'go-on' };
  schedule: ScheduledJob[];
  /** The simple ones: the new side must pass them before and after the cutover. */
  checks: HttpCheck[];
  /** All of them, as verify runs them. */
  declaredChecks: DeclaredCheck[];
  compare: CompareConfig | undefined;
  /** Companies that call the application, by their name in lower case. */
  thirdParties: Record<string, CallbackOwner>;
  /** What the new side must be able to bear. */
  capacity: CapacityConfig;
  /** Answers to what assess asks, by the id of the item; those of an environment win. */
  decisions: Record<string, string>;
  /** Config vars that are left behind, and those that get another value on the new side. */
  config: { drop: string[]; set: Record<string, string> };
}
/** Limits of the live strategy. */
export interface LiveConfig {
  /** All logs of changes together, bytes on Heroku's disk. */
  logLimitBytes: number;
  /** How long the capture goes on when nothing drains it. */
  leaseMs: number;
  onSchemaChange: 'stop' | 'recopy';
}
export type Language = 'node' | 'ruby' | 'python';
export interface EnvironmentConfig {
  name: string;
  /** `<application>-<environment>`: names the tag and every resource on the new side. */
  migrationId: string;
  herokuApp: string;
  region: string;
  domains: string[];
  /** A protected environment is cut over behind a gate only. */
  protected: boolean;
  /** When its cutover may take place; undefined: at any time. */
  window?: CutoverWindow | undefined;
  /** What of the cluster and of Redis is otherwise here than in the whole file; `configFor` lays it over. */
  postgres?: Partial<PostgresConfig>;
  redis?: Partial<Omit<RedisConfig, 'kind'>>;
  /** What App Platform builds here, where that is not the whole file's. */
  branch?: string;
  /** Answers for this environment only. */
  decisions: Record<string, string>;
  /** Only while it is rehearsed on a target that is taken away again. */
  throwAway?: ThrowAway;
}
/** App Platform's own build of a branch at GitHub. */
export interface SourceBuild {
  /** `acme/shop` */
  repository: string;
  /** Of the environment, once `configFor` has laid it over. */
  branch: string;
  dockerfile: string;
  /** The whole repository when left out. */
  directory?: string;
}
/** What tells a throw-away target from the real one (`shadow`), and the migration id of the environment itself. */
export interface ThrowAway {
  label: string;
  of: string;
}
/** `ttl` in seconds. */
export interface DnsConfig {
  provider: 'digitalocean' | 'cloudflare' | 'route53' | 'command';
  zone: string;
  ttl: number;
  /** Of Route 53, when several hosted zones have the name. */
  zoneId?: string;
  /** The user's own, when that is the provider. */
  command?: string;
}
export interface PostgresConfig {
  /** A slug of DigitalOcean's database sizes; undefined lets the plan decide. */
  size: string | undefined;
  /** Disk, when it shall be more than the size includes. */
  storageBytes: number | undefined;
  /** PgBouncer between the application and Postgres; `size` in connections to Postgres. */
  pool: { mode: 'transaction' | 'session'; size: number } | undefined;
  /** Runners that copy it side by side; undefined: one. */
  runners?: number | undefined;
}
export interface RedisConfig {
  kind: 'droplet';
  size: string | undefined;
  port: number;
  /** By digest; undefined: what the droplet was made with. */
  image: string | undefined;
  /** Glob patterns of keys that are not carried over. */
  skip: string[];
  /** Numbers of the passwords; undefined: the first ones. */
  passwords: { app: number; admin: number } | undefined;
}
export interface ScheduledJob {
  name: string;
  command: string;
  cron: string;
  timeZone: string;
  /** sidekiq-cron starts it in a worker; otherwise it is a job of App Platform's. */
  runsIn?: 'sidekiq-cron';
}
export interface HttpCheck {
  path: string;
  status: number;
  contains: string | undefined;
}
/** What both sides are asked, and what may differ. */
export interface CompareConfig {
  /** Undefined: the paths of the checks. */
  paths: string[] | undefined;
  ignoreHeaders: string[];
  ignoreJson: string[];
  ignoreHtml: string[];
}

/**
 * Reads migration.yml. Throws one ConfigurationError that lists everything wrong with it, each with its line; a
 * misspelt key is told with the key that was probably meant. `file` is only named in messages.
 */
export function parseMigrationConfig(text: string, file: string): MigrationConfig {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    throw unreadable(
      file,
      document.errors.map((error) => ({ line: lines.linePos(error.pos[0]).line, text: error.message })),
    );
  }
  const parsed = configSchema.safeParse(document.toJS());
  if (!parsed.success) throw unreadable(file, problemsOf(parsed.error, configSchema, document, lines));
  const contradictions = contradictionsOf(parsed.data).map(({ path, text: what }) => ({
    line: lineOf(document, lines, path),
    text: what,
  }));
  if (contradictions.length > 0) throw unreadable(file, contradictions);
  return fromFile(parsed.data);
}

/** One environment of the file; ConfigurationError naming those that it has. */
export function environmentOf(config: MigrationConfig, name: string): EnvironmentConfig {
  const environment = Object.hasOwn(config.environments, name) ? config.environments[name] : undefined;
  if (environment) return environment;
  const known = Object.keys(config.environments);
  const near = nearest(name, known);
  throw new ConfigurationError(
    `The input environment is "${name}", which migration.yml does not name${near === undefined ? '' : `; did you mean "${near}"?`} ` +
      `It names: ${known.join(', ')}.`,
  );
}

/**
 * The file as it holds for one environment: what that says of Postgres and Redis is laid over what the whole file says,
 * key by key. Laid over twice it is the same.
 */
export function configFor(
  config: MigrationConfig,
  { postgres, redis, branch }: Pick<EnvironmentConfig, 'postgres' | 'redis' | 'branch'>,
): MigrationConfig {
  return {
    ...config,
    ...(config.image && branch !== undefined ? { image: { ...config.image, branch } } : {}),
    postgres: { ...config.postgres, ...postgres },
    redis: { ...config.redis, ...redis },
  };
}

/** The JSON Schema of migration.yml, for editors. */
export function migrationJsonSchema(): Record<string, unknown> {
  const { $schema, ...schema } = z.toJSONSchema(configSchema, { io: 'input', target: 'draft-7' });
  return { $schema, title: 'migration.yml of heroku-to-digitalocean', ...schema };
}

// DigitalOcean's names (app, cluster, tag) leave room for 24 characters once our suffixes stand behind.
const LONGEST_MIGRATION_ID = 24;

/** What is wrong although each value alone is right. */
function contradictionsOf(file: ConfigFile): { path: PropertyKey[]; text: string }[] {
  const found: { path: PropertyKey[]; text: string }[] = [];
  const apps = new Map<string, string>();
  const domains = new Map<string, string>();
  for (const [name, environment] of Object.entries(file.environments)) {
    const path = ['environments', name];
    const id = `${file.application}-${name}`;
    if (id.length > LONGEST_MIGRATION_ID) {
      found.push({
        path,
        text: `"${id}" (application and environment) has ${id.length} characters, and names on DigitalOcean leave room for ${LONGEST_MIGRATION_ID}: shorten application`,
      });
    }
    const sameApp = apps.get(environment['heroku-app']);
    if (sameApp !== undefined) {
      found.push({
        path: [...path, 'heroku-app'],
        text: `"${environment['heroku-app']}" is already the app of ${sameApp}`,
      });
    }
    apps.set(environment['heroku-app'], name);
    const { window } = environment;
    if (window !== undefined && window['not-before'] === window['not-after']) {
      found.push({
        path: [...path, 'window'],
        text: `the window opens and closes at ${window['not-after']}: leave it out when any time will do`,
      });
    }
    for (const [index, domain] of environment.domains.entries()) {
      const at = [...path, 'domains', index];
      const owner = domains.get(domain);
      if (owner !== undefined) found.push({ path: at, text: `${domain} is already a domain of ${owner}` });
      domains.set(domain, name);
      if (file.dns && domain !== file.dns.zone && !domain.endsWith(`.${file.dns.zone}`)) {
        found.push({ path: at, text: `${domain} is not in the zone ${file.dns.zone} of dns` });
      }
    }
  }
  const checks = new Set<string>();
  for (const [index, { name }] of file.checks.entries()) {
    if (name !== undefined && checks.has(name))
      found.push({ path: ['checks', index, 'name'], text: `"${name}" is the name of two checks` });
    if (name !== undefined) checks.add(name);
  }
  found.push(...dnsContradictions(file), ...imageContradictions(file));
  const jobs = new Set<string>();
  for (const [index, job] of file.schedule.entries()) {
    if (jobs.has(job.name)) {
      found.push({
        path: ['schedule', index, 'name'],
        text: `"${job.name}" is the name of two scheduled jobs`,
      });
    }
    jobs.add(job.name);
  }
  for (const [index, name] of file.config.drop.entries()) {
    if (Object.hasOwn(file.config.set, name)) {
      found.push({ path: ['config', 'drop', index], text: `${name} is both dropped and set` });
    }
  }
  return found;
}

/** What App Platform needs to build, and what only it needs. */
function imageContradictions({ image, environments }: ConfigFile): { path: PropertyKey[]; text: string }[] {
  const { build, ...keys } = image;
  const own = Object.entries(environments);
  if (build === 'workflow') {
    const only = (key: string): string => `${key} is read with \`image: { build: app-platform }\` only`;
    return [
      ...Object.keys(written(keys)).map((key) => ({ path: ['image', key], text: only(key) })),
      ...own.flatMap(([name, { branch }]) =>
        branch === undefined ? [] : [{ path: ['environments', name, 'branch'], text: only('branch') }],
      ),
    ];
  }
  return [
    ...(image.repository === undefined
      ? [
          {
            path: ['image'],
            text: '`build: app-platform` needs the `repository` at GitHub, such as acme/shop',
          },
        ]
      : []),
    ...own.flatMap(([name, { branch }]) =>
      (branch ?? image.branch) === undefined
        ? [{ path: ['image'], text: `\`build: app-platform\` needs the \`branch\` that ${name} runs` }]
        : [],
    ),
  ];
}

/** What each provider needs and what it cannot use; and that only a proxied zone has an origin to switch. */
function dnsContradictions({ dns, traffic }: ConfigFile): { path: PropertyKey[]; text: string }[] {
  const found: { path: PropertyKey[]; text: string }[] = [];
  if (traffic === 'cdn' && dns !== undefined && dns.provider !== 'cloudflare') {
    found.push({
      path: ['traffic'],
      text: '`traffic: cdn` switches the origin of a zone that Cloudflare proxies: it needs `dns: { provider: cloudflare }`',
    });
  }
  if (dns === undefined) return found;
  if ((dns.provider === 'command') !== (dns.command !== undefined)) {
    found.push({
      path: ['dns', dns.command === undefined ? 'provider' : 'command'],
      text: '`provider: command` and `command` go together',
    });
  }
  if (dns.command !== undefined && withoutSecrets(dns.command) !== dns.command) {
    found.push({
      path: ['dns', 'command'],
      text: 'it looks as if it held a secret, which everybody could read here and in the list of processes: pass it as the input dns-command-secret',
    });
  }
  if (dns.provider !== 'route53' && dns['zone-id'] !== undefined) {
    found.push({ path: ['dns', 'zone-id'], text: '`zone-id` is for `provider: route53`' });
  }
  return found;
}

function dnsOf(dns: ConfigFile['dns']): DnsConfig | undefined {
  if (dns === undefined) return undefined;
  const { provider, zone, ttl = provider === 'cloudflare' ? 60 : 30, command } = dns;
  const zoneId = dns['zone-id'];
  return {
    provider,
    zone,
    ttl,
    ...(zoneId === undefined ? {} : { zoneId }),
    ...(command === undefined ? {} : { command }),
  };
}

function fromFile(file: ConfigFile): MigrationConfig {
  return {
    application: file.application,
    strategy: file.strategy,
    live: {
      logLimitBytes: bytes(file.live['log-limit']),
      leaseMs: milliseconds(file.live.lease),
      onSchemaChange: file.live['on-schema-change'],
    },
    traffic: file.traffic,
    downtimeBudgetMs: milliseconds(file['downtime-budget']),
    rehearsalMaxAgeMs: milliseconds(file['rehearsal-max-age']),
    environments: Object.fromEntries(
      Object.entries(file.environments).map(([name, environment]) => [
        name,
        {
          name,
          migrationId: `${file.application}-${name}`,
          herokuApp: environment['heroku-app'],
          region: environment.region,
          domains: environment.domains,
          // Leaving the line out must not leave production open.
          protected: environment.protected ?? name === 'production',
          window: windowOf(environment.window),
          ...(environment.postgres && { postgres: postgresOf(environment.postgres) }),
          ...(environment.redis && { redis: written(environment.redis) }),
          ...(environment.branch === undefined ? {} : { branch: environment.branch }),
          decisions: environment.decisions,
        },
      ]),
    ),
    dns: dnsOf(file.dns),
    postgres: { size: undefined, storageBytes: undefined, pool: undefined, ...postgresOf(file.postgres) },
    redis: {
      kind: 'droplet',
      size: file.redis.size,
      port: file.redis.port,
      image: file.redis.image,
      skip: file.redis.skip,
      passwords: file.redis.passwords,
    },
    ...inCase(sourceBuildOf(file.image)),
    language: file.language,
    workers: {
      quietTimeoutMs: milliseconds(file.workers['quiet-timeout']),
      whenBusy: file.workers['when-busy'],
    },
    schedule: file.schedule.map(({ name, command, cron, 'time-zone': timeZone, 'runs-in': runsIn }) => ({
      name,
      command,
      cron,
      timeZone,
      ...(runsIn === 'sidekiq-cron' ? { runsIn } : {}),
    })),
    checks: simpleChecks(file.checks),
    declaredChecks: file.checks.map(declaredCheck),
    compare: compareOf(file.compare),
    thirdParties: Object.fromEntries(
      Object.entries(file['third-parties']).map(([name, { owner, done, 'subscriptions-seen': seen }]) => [
        name,
        { owner, done, subscriptionsSeen: seen },
      ]),
    ),
    capacity: capacityOf(file.capacity),
    decisions: file.decisions,
    config: file.config,
  };
}

function sourceBuildOf({
  build,
  repository,
  branch,
  dockerfile,
  directory,
}: ConfigFile['image']): SourceBuild | undefined {
  if (build === 'workflow') return undefined;
  return {
    repository: repository ?? '',
    branch: branch ?? '',
    dockerfile: dockerfile ?? 'Dockerfile',
    ...(directory === undefined ? {} : { directory }),
  };
}

/** Not a key without a value: a file of an earlier version has the same digest as before. */
function inCase(image: SourceBuild | undefined): { image?: SourceBuild } {
  return image === undefined ? {} : { image };
}

/** GETs, by their status and a text: what a cutover repeats until the new side answers so. */
function simpleChecks(checks: ConfigFile['checks']): HttpCheck[] {
  return checks.flatMap(({ path, method = 'GET', status, redirect, contains }) =>
    path === undefined || method !== 'GET' || (redirect !== undefined && status === undefined)
      ? []
      : [{ path, status: status ?? 200, contains }],
  );
}

function compareOf(compare: ConfigFile['compare']): CompareConfig | undefined {
  return (
    compare && {
      paths: compare.paths,
      ignoreHeaders: compare['ignore-headers'].map((name) => name.toLowerCase()),
      ignoreJson: compare['ignore-json'],
      ignoreHtml: compare['ignore-html'],
    }
  );
}

function windowOf(window: ConfigFile['environments'][string]['window']): CutoverWindow | undefined {
  if (window === undefined) return undefined;
  const { 'not-before': notBefore, 'not-after': notAfter, 'time-zone': timeZone, days } = window;
  return { notBefore, notAfter, timeZone, days };
}

/** Without keys that are there and hold nothing: laid over others they would take those away. */
function written<T extends object>(section: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(section).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

/** Only what is written: an environment leaves all else as the whole file has it. */
function postgresOf({ storage, ...rest }: ConfigFile['postgres']): Partial<PostgresConfig> {
  return storage === undefined ? rest : { ...rest, storageBytes: bytes(storage) };
}

function milliseconds(duration: string): number {
  const parsed = parseDuration(duration);
  if (parsed === undefined) throw new Error(`"${duration}" passed the schema and is no duration.`);
  return parsed;
}

function bytes(size: string): number {
  const parsed = parseByteSize(size);
  if (parsed === undefined) throw new Error(`"${size}" passed the schema and is no size.`);
  return parsed;
}

function unreadable(file: string, problems: readonly Problem[]): ConfigurationError {
  const listed = [...problems]
    .sort((a, b) => a.line - b.line)
    .map(({ line, text }) => `  line ${line}: ${text}`);
  return new ConfigurationError(
    [
      `${file} has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}, and nothing was done:`,
      ...listed,
    ].join('\n'),
  );
}
