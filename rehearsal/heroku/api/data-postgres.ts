import { z } from 'zod';
import { inspectPostgres } from '../data-service.ts';
import type { AddOn } from '../platform.ts';
import { addOnOf } from './add-on.ts';
import { bodyOf } from './body.ts';
import { notFound } from './refusal.ts';
import { change, list, read, type Call, type Route } from './route.ts';
import { time } from './view.ts';

/** Heroku Postgres' data API (api.data.heroku.com), as the CLI uses it. */
export const postgresRoutes: Route[] = [
  read('/client/v11/databases/:addon', databaseInfo, { dialect: 'data', need: 'read-protected' }),
  read('/client/v11/databases/:addon/wait_status', waitStatus, { dialect: 'data' }),
  read('/client/v11/databases/:addon/transfer-schedules', backupSchedules, { dialect: 'data' }),
  read('/client/v11/apps/:app/transfers', () => [], { dialect: 'data' }),
  read('/postgres/v0/databases/:addon/credentials', (call) => credentials(databaseOf(call)), {
    dialect: 'data',
    need: 'read-protected',
  }),
  read('/postgres/v0/databases/:addon/credentials/:credential', namedCredential, {
    dialect: 'data',
    need: 'read-protected',
  }),
  read('/postgres/v0/databases/:addon/config', (call) => settingsOf(databaseOf(call)), { dialect: 'data' }),
  change('PATCH', '/postgres/v0/databases/:addon/config', updateSettings, { dialect: 'data' }),
  list('/client/v11/databases/:addon/links', links, { dialect: 'data' }),
  list('/client/v11/databases/:addon/followers', followers, { dialect: 'data' }),
];

function databaseOf(call: Call): AddOn {
  const addOn = addOnOf(call);
  if (addOn.plan.service.name !== 'heroku-postgresql') throw notFound('database');
  return addOn;
}

function backupSchedules(call: Call): unknown[] {
  const addOn = databaseOf(call);
  return addOn.behind.backups.map(({ hour, timezone }) => ({
    uuid: addOn.id,
    name: 'DATABASE_URL',
    callback_url: '',
    days: ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'],
    hour,
    timezone,
    retain_weeks: 4,
    retain_months: 1,
  }));
}

function links(call: Call): unknown[] {
  const addOn = databaseOf(call);
  return addOn.behind.links.map((name) => ({
    id: addOn.id,
    name,
    created_at: time(addOn.createdAt),
    remote: { name, attachment_name: name.toUpperCase().replaceAll('-', '_') },
  }));
}

async function databaseInfo(call: Call): Promise<unknown> {
  const addOn = databaseOf(call);
  const url = new URL(addOn.url ?? 'postgres://localhost');
  const state = await inspectPostgres(url.href);
  const { plan } = addOn;
  const essential = plan.name.includes(':essential');
  const info: [string, string][] = [
    ['Plan', humanPlan(plan.name)],
    ['Status', state ? 'Available' : 'Unavailable'],
    [
      'Data Size',
      `${size(state?.bytes ?? 0)} / ${size(plan.bytes)} (${share(state?.bytes ?? 0, plan.bytes)}%)`,
    ],
    ['Tables', String(state?.tables ?? 0)],
    ['PG Version', state?.version ?? ''],
    ['Connections', `${state?.connections ?? 0}/${plan.connections}`],
    ['Connection Pooling', essential ? 'Not Available' : 'Available'],
    ['Credentials', String(addOn.behind.credentials.length)],
    ['Fork/Follow', essential ? 'Unsupported' : 'Available'],
    ['Rollback', essential ? 'Unsupported' : `earliest from ${time(addOn.createdAt)}`],
    ['Created', time(addOn.createdAt)],
    ['Region', addOn.app.region.name],
    ['Data Encryption', essential ? 'Unsupported' : 'In Use'],
    ['Continuous Protection', essential ? 'Off' : 'On'],
    ...(addOn.behind.followers.length > 0
      ? [['Followers', addOn.behind.followers.join(', ')] as [string, string]]
      : []),
    ...(addOn.behind.forks.length > 0 ? [['Forks', addOn.behind.forks.join(', ')] as [string, string]] : []),
    ['Maintenance', essential ? 'not required' : 'not required (Tuesdays 18:00 to 22:00 UTC)'],
  ];
  return {
    addon_id: addOn.id,
    name: addOn.name,
    heroku_resource_id: `resource${addOn.id.slice(0, 8)}@heroku.com`,
    created_at: time(addOn.createdAt),
    formation: { id: addOn.id, primary: addOn.name },
    plan: plan.name.split(':')[1] ?? plan.name,
    port: Number(url.port),
    database_name: decodeURIComponent(url.pathname.slice(1)),
    database_user: decodeURIComponent(url.username),
    database_password: decodeURIComponent(url.password),
    resource_url: url.href,
    'waiting?': false,
    credentials: addOn.behind.credentials.length,
    leader: null,
    info: info.map(([name, value]) => ({ name, values: [value] })),
    num_bytes: state?.bytes ?? 0,
  };
}

function waitStatus(call: Call): unknown {
  databaseOf(call);
  return { message: 'available', 'waiting?': false };
}

function namedCredential(call: Call): unknown {
  const addOn = databaseOf(call);
  const name = call.params['credential'] ?? '';
  if (!addOn.behind.credentials.includes(name)) throw notFound('credential');
  return credential(addOn, name);
}

function credentials(addOn: AddOn): unknown[] {
  return addOn.behind.credentials.map((name) => credential(addOn, name));
}

/** A follower is an add-on of its own, with an address of its own; here it is only listed. */
function followers(call: Call): unknown[] {
  const addOn = databaseOf(call);
  return addOn.behind.followers.map((name) => ({
    following: addOn.name,
    addon_id: addOn.id,
    name,
    heroku_resource_id: `${name}@heroku.com`,
    created_at: time(addOn.createdAt),
    formation: { id: addOn.id, primary: addOn.name },
    metaas_source: name,
    metaas_server_source: name,
    num_connections: null,
    num_connections_waiting: null,
    num_tables: null,
    current_transaction: null,
    num_bytes: null,
    postgres_version: null,
    plan: addOn.plan.name.split(':')[1] ?? addOn.plan.name,
    port: 5432,
    database_name: 'follower',
    database_user: 'follower',
    target_transaction: null,
    available_for_ingress: true,
    resource_url: `postgres://follower:not-for-anybody@${name}.invalid:5432/follower`,
    database_password: 'not-for-anybody',
    'waiting?': false,
    credentials: 1,
    leader: { addon_id: addOn.id, name: addOn.name },
    info: [],
  }));
}

function credential(addOn: AddOn, name: string): unknown {
  const url = new URL(addOn.url ?? 'postgres://localhost');
  return {
    uuid: addOn.id,
    name,
    state: 'active',
    database: decodeURIComponent(url.pathname.slice(1)),
    host: url.hostname,
    port: Number(url.port),
    credentials: [
      { user: decodeURIComponent(url.username), password: decodeURIComponent(url.password), state: 'active' },
    ],
  };
}

const settings: Record<string, { desc: string; default: string | number | boolean }> = {
  log_lock_waits: { desc: 'Log sessions that wait longer than deadlock_timeout for a lock.', default: true },
  log_connections: { desc: 'Log each connection.', default: true },
  log_min_duration_statement: { desc: 'Log statements that take longer (ms).', default: 2000 },
};

function settingsOf(addOn: AddOn): unknown {
  return Object.fromEntries(
    Object.entries(settings).map(([name, { desc, default: usual }]) => [
      name,
      { value: addOn.settings[name] ?? usual, desc, default: usual },
    ]),
  );
}

function updateSettings(call: Call): unknown {
  const addOn = databaseOf(call);
  const value = z.union([z.string(), z.number(), z.boolean()]);
  Object.assign(addOn.settings, bodyOf(call, z.record(z.string(), value)));
  return settingsOf(addOn);
}

/** `heroku-postgresql:standard-0` is shown as `Standard 0`. */
export function humanPlan(name: string): string {
  const [, short = name] = name.split(':');
  return short
    .split('-')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join(' ');
}

/** As `heroku pg:info` shows it: `42.3 GB`. */
function size(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit += 1) value /= 1024;
  return `${unit === 0 ? value : Number(value.toFixed(1))} ${units[unit] ?? ''}`;
}

function share(part: number, whole: number): string {
  return whole === 0 ? '0' : ((part / whole) * 100).toFixed(2);
}
