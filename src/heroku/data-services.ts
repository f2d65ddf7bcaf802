import { z } from 'zod';
import type { AddOn } from './add-ons.ts';
import type { HerokuClient } from './client.ts';
import type { Gaps } from './gap.ts';
import { HerokuError } from './refusal.ts';

/** A maintenance that Heroku has announced, or the window in which it may come. */
export interface AnnouncedMaintenance {
  /** Heroku's word: `none`, `pending`, `preparing`, `ready`, `running` … */
  status: string;
  /** `Tuesdays 18:00 to 22:00 UTC`; null without one. */
  window: string | null;
  scheduledFor: string | null;
  requiredBy: string | null;
  reason: string | null;
}

/** A Postgres or Key-Value Store add-on as Heroku's data API knows it. No address, user or password is kept. */
export interface DataService {
  addOn: string;
  service: 'heroku-postgresql' | 'heroku-redis';
  plan: string;
  /** What `heroku pg:info` and `redis:info` print: rows by name; which there are depends on the plan. */
  info: Record<string, string>;
  /** Read replicas of it, by add-on name. */
  followers: string[];
  /** The database that it follows itself: then it is read-only and not what moves. */
  following: string | null;
  /** Databases that were copied from it and go their own way. */
  forks: string[];
  /** Names of Postgres credentials; they end with the add-on. null: not known. */
  credentials: string[] | null;
  /** Data links: other databases that it can query. */
  links: number;
  /** Times at which Heroku takes a backup. */
  backupSchedules: string[];
  maintenance: AnnouncedMaintenance | null;
}

const infoSchema = z.object({
  info: z
    .array(z.object({ name: z.string(), values: z.array(z.union([z.string(), z.number()])).default([]) }))
    .default([]),
  leader: z.object({ name: z.string() }).nullable().optional(),
});
const followersSchema = z.array(z.object({ name: z.string() }));
const credentialsSchema = z.array(z.object({ name: z.string(), state: z.string().default('active') }));
const schedulesSchema = z.array(
  z.object({
    name: z.string(),
    hour: z.number().nullable().optional(),
    timezone: z.string().nullable().optional(),
  }),
);
const maintenanceSchema = z.object({
  window: z.string().nullable().optional(),
  status: z.string().default('none'),
  scheduled_for: z.string().nullable().optional(),
  required_by: z.string().nullable().optional(),
  reason: z.string().nullable().optional(),
});

const PROTECTED = 'a token with the scope `read-protected`';

/** Every Postgres and Key-Value Store that belongs to the app. What cannot be read becomes a gap. */
export function readDataServices(
  client: HerokuClient,
  app: string,
  addOns: AddOn[],
  gaps: Gaps,
): Promise<DataService[]> {
  return Promise.all(
    addOns
      .filter(({ billedTo }) => billedTo === app)
      .flatMap((addOn) => {
        if (addOn.service === 'heroku-postgresql') return [readPostgres(client, addOn, gaps)];
        return addOn.service === 'heroku-redis' ? [readKeyValueStore(client, addOn, gaps)] : [];
      }),
  );
}

async function readPostgres(client: HerokuClient, addOn: AddOn, gaps: Gaps): Promise<DataService> {
  const { id, name, plan } = addOn;
  if (plan.includes(':advanced')) {
    gaps.add({
      what: `followers, credentials and settings of ${name}`,
      why: 'the Advanced tier has an API of its own, which this version does not read',
      permission: `none: see \`heroku data:pg:info ${name}\``,
      // Whoever reads from a follower, or logs in with a credential of its own, would be left behind unasked.
      essential: true,
    });
    return { ...blank(addOn, 'heroku-postgresql'), maintenance: await readMaintenance(client, addOn, gaps) };
  }
  const at = `/client/v11/databases/${encodeURIComponent(id)}`;
  const read = <T>(
    part: string,
    path: string,
    schema: z.ZodType<T>,
    how: { basic?: boolean; essential?: boolean } = {},
  ): Promise<T | undefined> =>
    gaps.orNone(
      { what: `${part} of ${name}`, permission: PROTECTED, essential: how.essential ?? false },
      () => known(path, client.findData(path, schema, { basic: how.basic ?? false })),
      undefined,
    );
  // The Essential tier can be neither followed nor forked nor linked.
  const alone = plan.includes(':essential');
  const [facts, followers, credentials, links, schedules, maintenance] = await Promise.all([
    read('the state', at, infoSchema),
    alone ? [] : read('followers', `${at}/followers`, followersSchema, { essential: true }),
    read('credentials', `/postgres/v0/databases/${encodeURIComponent(id)}/credentials`, credentialsSchema, {
      basic: true,
      essential: true,
    }),
    alone ? [] : read('data links', `${at}/links`, z.array(z.unknown())),
    read('backup schedules', `${at}/transfer-schedules`, schedulesSchema),
    readMaintenance(client, addOn, gaps),
  ]);
  const info = rows(facts);
  const following = (followers ?? []).map((one) => one.name);
  return {
    ...blank(addOn, 'heroku-postgresql'),
    info,
    followers: [...new Set([...following, ...namesIn(info['Followers'])])].sort(),
    following: facts?.leader?.name ?? namesIn(info['Following'])[0] ?? null,
    forks: namesIn(info['Forks']),
    credentials: credentials?.map((one) => one.name).sort() ?? null,
    links: links?.length ?? 0,
    backupSchedules: (schedules ?? []).map(({ hour, timezone }) =>
      `daily at ${hour ?? '?'}:00 ${timezone ?? ''}`.trim(),
    ),
    maintenance,
  };
}

async function readKeyValueStore(client: HerokuClient, addOn: AddOn, gaps: Gaps): Promise<DataService> {
  const path = `/redis/v0/databases/${encodeURIComponent(addOn.id)}`;
  const [facts, maintenance] = await Promise.all([
    gaps.orNone(
      { what: `the state of ${addOn.name}`, permission: PROTECTED },
      () => known(path, client.findData(path, infoSchema)),
      undefined,
    ),
    readMaintenance(client, addOn, gaps),
  ]);
  return { ...blank(addOn, 'heroku-redis'), info: rows(facts), maintenance };
}

async function readMaintenance(
  client: HerokuClient,
  { id, name }: AddOn,
  gaps: Gaps,
): Promise<AnnouncedMaintenance | null> {
  const path = `/data/maintenances/v1/${encodeURIComponent(id)}`;
  const found = await gaps.orNone(
    { what: `announced maintenances of ${name}`, permission: 'the scope `read`' },
    () => known(path, client.findData(path, maintenanceSchema)),
    undefined,
  );
  if (found === undefined) return null;
  return {
    status: found.status,
    window: found.window ?? null,
    scheduledFor: found.scheduled_for ?? null,
    requiredBy: found.required_by ?? null,
    reason: found.reason ?? null,
  };
}

function blank(addOn: AddOn, service: DataService['service']): DataService {
  return {
    addOn: addOn.name,
    service,
    plan: addOn.plan,
    info: {},
    followers: [],
    following: null,
    forks: [],
    credentials: null,
    links: 0,
    backupSchedules: [],
    maintenance: null,
  };
}

function rows(facts: z.infer<typeof infoSchema> | undefined): Record<string, string> {
  return Object.fromEntries(
    (facts?.info ?? []).map(({ name, values }) => [
      name,
      // A related database may be named by its address, which holds a password.
      values.map((value) => (/:\/\/|@/.test(String(value)) ? 'another database' : String(value))).join(', '),
    ]),
  );
}

/** A row that names databases: `HEROKU_POSTGRESQL_BLUE, …`. */
function namesIn(row: string | undefined): string[] {
  return (row ?? '')
    .split(/,\s*/)
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

/** The data API answers 404 also for what the token may not see: then nothing is known, not that there is nothing. */
async function known<T>(path: string, found: Promise<T | undefined>): Promise<T> {
  const answer = await found;
  if (answer !== undefined) return answer;
  throw new HerokuError(
    `Heroku answered GET ${path} with 404: it is not there, or the token may not see it.`,
    {
      status: 404,
      id: 'not_found',
      requestId: undefined,
    },
  );
}
