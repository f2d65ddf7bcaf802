import { z } from 'zod';
import { inspectKeyValueStore } from '../data-service.ts';
import type { AddOn } from '../platform.ts';
import { addOnOf } from './add-on.ts';
import { bodyOf } from './body.ts';
import { humanPlan } from './data-postgres.ts';
import { notFound } from './refusal.ts';
import { change, read, type Call, type Route } from './route.ts';
import { time } from './view.ts';

/** Key-Value Store's data API: `redis:info`, `redis:credentials`, `redis:maxmemory`, `redis:timeout`. */
export const keyValueStoreRoutes: Route[] = [
  read('/redis/v0/databases/:addon', storeInfo, { dialect: 'data', need: 'read-protected' }),
  read('/redis/v0/databases/:addon/wait', waitStatus, { dialect: 'data' }),
  read('/redis/v0/databases/:addon/config', (call) => settingsOf(storeOf(call)), { dialect: 'data' }),
  change('PATCH', '/redis/v0/databases/:addon/config', updateSettings, { dialect: 'data' }),
];

function storeOf(call: Call): AddOn {
  const addOn = addOnOf(call);
  if (addOn.plan.service.name !== 'heroku-redis') throw notFound('Key-Value Store');
  return addOn;
}

async function storeInfo(call: Call): Promise<unknown> {
  const addOn = storeOf(call);
  const url = addOn.url ?? 'redis://localhost';
  const state = await inspectKeyValueStore(url);
  const mini = addOn.plan.name.endsWith(':mini');
  const info: [string, string | number][] = [
    ['Plan', humanPlan(addOn.plan.name)],
    ['Status', state ? 'available' : 'unavailable'],
    ['Created', time(addOn.createdAt)],
    ['Version', state?.version ?? ''],
    ['Timeout', Number(addOn.settings['timeout'] ?? usual.timeout)],
    ['Maxmemory', String(addOn.settings['maxmemory_policy'] ?? usual.maxmemory_policy)],
    ['Maintenance', 'not required'],
    ['Maintenance window', 'Wednesdays 18:30 to 22:30 UTC'],
    ['Persistence', mini ? 'None' : 'AOF'],
    ['HA Status', mini ? 'Unavailable' : 'Available'],
    ['Requires TLS', 'Yes'],
    ['Keyspace Notifications', 'Disabled'],
  ];
  return {
    addon_id: addOn.id,
    name: addOn.name,
    plan: addOn.plan.name.split(':')[1] ?? addOn.plan.name,
    created_at: time(addOn.createdAt),
    formation: { id: addOn.id, primary: addOn.name },
    metaas_source: addOn.name,
    port: Number(new URL(url).port),
    resource_url: url,
    info: info.map(([name, value]) => ({ name, values: [value] })),
    version: state?.version ?? '',
    prefer_native_tls: true,
  };
}

function waitStatus(call: Call): unknown {
  storeOf(call);
  return { message: 'available', 'waiting?': false };
}

const usual = {
  maxmemory_policy: 'noeviction',
  notify_keyspace_events: '',
  timeout: 300,
  standby_segv_workaround: false,
};

const policies: Record<string, string> = {
  noeviction: 'return errors when memory limit is reached',
  'allkeys-lru': 'evict less recently used keys first',
  'volatile-lru': 'evict less recently used keys that have an expiry',
  'allkeys-random': 'evict random keys',
  'volatile-random': 'evict random keys that have an expiry',
  'volatile-ttl': 'evict keys with the shortest time to live',
  'allkeys-lfu': 'evict less frequently used keys first',
  'volatile-lfu': 'evict less frequently used keys that have an expiry',
};

function updateSettings(call: Call): unknown {
  const addOn = storeOf(call);
  const fields = z.object({
    maxmemory_policy: z
      .string()
      .refine((policy) => policy in policies)
      .optional(),
    timeout: z.number().int().nonnegative().optional(),
    notify_keyspace_events: z.string().optional(),
  });
  Object.assign(addOn.settings, bodyOf(call, fields));
  return settingsOf(addOn);
}

function settingsOf(addOn: AddOn): unknown {
  const of = (name: keyof typeof usual, desc: string): object => ({
    value: addOn.settings[name] ?? usual[name],
    desc,
    default: usual[name],
  });
  return {
    maxmemory_policy: { ...of('maxmemory_policy', 'What happens when memory is full.'), values: policies },
    notify_keyspace_events: of('notify_keyspace_events', 'Which keyspace notifications are sent.'),
    timeout: of('timeout', 'Seconds after which idle connections are closed.'),
    standby_segv_workaround: of('standby_segv_workaround', 'A workaround for the standby.'),
  };
}
