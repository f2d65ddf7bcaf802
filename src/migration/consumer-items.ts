import type { AssessFacts } from '../postgres/assess-facts.ts';
import type { Client } from '../postgres/sessions.ts';
import { formatCount, formatDuration } from '../report/format.ts';
import { CREDENTIAL_OPTIONS } from './data-service-items.ts';
import { automatic, decide, idPart, told, type Item } from './item.ts';
import { namesOf } from './names-in-words.ts';

/** How servers, job runners and consoles of applications name their sessions; most name none at all. */
const APPLICATION =
  /\b(puma|unicorn|passenger|falcon|thin|rails|rake|ruby|rackup|sidekiq|resque|delayed_job|good_job|goodjob|solid_queue|shoryuken|clockwork|gunicorn|uwsgi|uvicorn|daphne|django|celery|rq|dramatiq|huey|python|node|prisma|sequelize|knex|typeorm|bull|bullmq|pgboss|graphile|web|worker|release|clock)\b/i;

/** What looks into databases for people, or carries their rows elsewhere. */
const TOOLS: readonly [RegExp, string][] = [
  [/metabase/i, 'Metabase'],
  [/looker/i, 'Looker'],
  [/tableau/i, 'Tableau'],
  [/power ?bi|mashup/i, 'Power BI'],
  [/fivetran/i, 'Fivetran'],
  [/stitch/i, 'Stitch'],
  [/airbyte/i, 'Airbyte'],
  [/hevo/i, 'Hevo'],
  [/segment/i, 'Segment'],
  [/hightouch/i, 'Hightouch'],
  [/census/i, 'Census'],
  [/redash/i, 'Redash'],
  [/superset/i, 'Superset'],
  [/grafana/i, 'Grafana'],
  [/\bmode\b/i, 'Mode'],
  [/retool/i, 'Retool'],
  [/blazer/i, 'Blazer'],
  [/dataclip/i, 'Heroku Dataclips'],
  [/heroku.?connect/i, 'Heroku Connect'],
  [/pganalyze/i, 'pganalyze'],
  [/datadog|newrelic|new relic/i, 'a monitoring agent'],
  [/debezium|peerdb|dms|wal2json/i, 'a replication tool'],
  [/pg_dump|pg_restore|pgbackups|backup/i, 'a backup'],
  [/pgadmin|dbeaver|datagrip|tableplus|postico|psql|dbvisualizer|beekeeper/i, 'a person’s own tool'],
  [/jdbc/i, 'a Java client'],
  [/npgsql/i, 'a .NET client'],
];

/** Roles of the provider, whose sessions come and go with it. */
const PROVIDER = /^(postgres|rdsadmin|rdsrepladmin|heroku.*|_heroku.*|rds_.*)$/;

/** Everybody beside the app itself who uses the database, and every credential that dies with the add-on. */
export function consumerItems(
  { sessions, credentials, activity }: AssessFacts,
  own: readonly string[],
): Item[] {
  return [
    ...(sessions === null ? [] : clientItems(sessions, own, activity?.sampleMs ?? null, credentials)),
    ...(credentials === null ? [] : credentialItems(credentials, sessions?.clients ?? [])),
  ];
}

function clientItems(
  sessions: NonNullable<AssessFacts['sessions']>,
  own: readonly string[],
  sampleMs: number | null,
  credentials: AssessFacts['credentials'],
): Item[] {
  const groups = { app: [] as Client[], provider: [] as Client[], others: [] as Client[] };
  for (const client of sessions.clients) groups[whose(client, own)].push(client);
  const seconds = sampleMs === null ? 'a moment' : formatDuration(sampleMs);
  // Whoever has a credential of its own is asked about with that credential, which lasts.
  const known = new Set((credentials?.others ?? []).map(({ name }) => name));
  const items = groups.others
    .filter(({ user }) => !known.has(user))
    .map((client) => outsiderItem(client, sessions.looks));
  if (groups.app.length > 0)
    items.unshift(
      automatic({
        id: 'consumer/app',
        area: 'consumer',
        what: `the app’s own sessions, at most ${formatCount(sessions.connections.owner)} at once`,
        becomes: 'the app on the new side, with a role and an address of its own',
        why: `they use the role of DATABASE_URL and ${describeOwn(groups.app)}`,
      }),
    );
  if (groups.provider.length > 0)
    items.push(
      automatic({
        id: 'consumer/provider',
        area: 'consumer',
        what: `Heroku’s own sessions (${namesOf([...new Set(groups.provider.map(({ user }) => user))])})`,
        becomes: 'left behind',
        why: 'they belong to the provider',
      }),
    );
  if (sessions.hiddenUsers.length > 0)
    items.push(
      told({
        id: 'consumer/hidden',
        area: 'consumer',
        what: `the addresses of sessions of ${namesOf(sessions.hiddenUsers)} are hidden`,
        becomes: 'told by user and application name alone',
        why: 'the role of DATABASE_URL is no member of pg_read_all_stats',
        remedy: 'Run assess with the default credential, which is (pg_monitor), attached as DATABASE.',
      }),
    );
  items.push(
    told({
      id: 'consumer/sampling',
      area: 'consumer',
      what: 'clients that were not connected just now',
      becomes: 'not detectable: seen only when a run of assess meets them',
      why: `sessions were looked at ${sessions.looks} times over ${seconds}; a nightly export or a report is not among them`,
      remedy:
        'Ask who reads from this database (BI, exports, partners), and run assess at the hours when those run.',
    }),
  );
  return items;
}

function whose(client: Client, own: readonly string[]): 'app' | 'provider' | 'others' {
  if (!client.isOwner && PROVIDER.test(client.user)) return 'provider';
  if (client.kind === 'walsender' || !client.isOwner) return 'others';
  const name = client.application.toLowerCase();
  if (own.some((word) => word !== '' && name.includes(word.toLowerCase()))) return 'app';
  if (toolOf(client) !== undefined) return 'others';
  return name === '' || APPLICATION.test(name) ? 'app' : 'others';
}

function toolOf({ application, user }: Client): string | undefined {
  return TOOLS.find(([pattern]) => pattern.test(application) || pattern.test(user))?.[1];
}

function describeOwn(clients: readonly Client[]): string {
  const named = clients.map(({ application }) => application).filter((name) => name !== '');
  const nameless = clients.find(({ application }) => application === '');
  return [
    ...(named.length === 0 ? [] : [`call themselves ${namesOf(named)}`]),
    ...(nameless === undefined
      ? []
      : [
          `give no name, from ${formatCount(nameless.addressCount)} addresses (another client that gives none would count as the app’s)`,
        ]),
  ].join(', or ');
}

function outsiderItem(client: Client, looks: number): Item {
  const { user, application, isOwner, sessions } = client;
  return decide({
    // The app's own role has another name in each environment, and after each rotation.
    id: `consumer/client/${isOwner ? '' : `${idPart(user)}/`}${idPart(application)}`,
    area: 'consumer',
    what: `${titleOf(client)} uses the database as ${user}`,
    question: 'Its address and credential end with the add-on. What becomes of it?',
    options: ['not-needed', 'pointed-at-the-new-database'],
    why: `seen at ${client.looks} of ${looks} looks, ${formatCount(sessions)} sessions at once, ${whereFrom(client)}`,
    remedy:
      'Give it a user of its own on the cluster (`doctl databases user create <cluster> <name>`), its address as a trusted source, and change it after the switch.',
  });
}

function titleOf(client: Client): string {
  const name = client.application === '' ? 'a client without a name' : client.application;
  const tool = toolOf(client);
  return tool === undefined || tool === name ? name : `${name} (looks like ${tool})`;
}

function whereFrom({ hidden, addressCount, addresses }: Client): string {
  if (hidden) return 'address hidden';
  return addressCount === 0 ? 'from the server itself' : `from ${namesOf(addresses, addressCount)}`;
}

function credentialItems(
  { owner, others, receivers }: NonNullable<AssessFacts['credentials']>,
  clients: readonly Client[],
): Item[] {
  return [
    automatic({
      id: 'postgres/credential',
      area: 'consumer',
      what: `the role of DATABASE_URL, ${owner}`,
      becomes: 'the app’s role on the cluster, which owns everything that is copied',
      why: 'owners are not carried over; grants and policies that name it are rewritten',
    }),
    ...others.map(({ name, owns, granted, memberOfOwner, writes }) =>
      decide({
        id: `consumer/credential/${idPart(name)}`,
        area: 'consumer',
        what: `the credential ${name} can log in${writes ? ' and write' : ''}`,
        question: 'It dies with the add-on, and is not made on the new side. Who uses it?',
        options: [...CREDENTIAL_OPTIONS],
        why: [
          ...(owns ? ['it owns objects of this database'] : []),
          ...(granted ? ['it was granted rights here'] : []),
          ...(memberOfOwner ? [`it is a member of ${owner}`] : []),
          ...(!owns && !granted && !memberOfOwner ? ['a role that it belongs to has rights here'] : []),
          ...clients
            .filter(({ user }) => user === name)
            .map((client) => `in use by ${titleOf(client)} ${whereFrom(client)}`),
        ].join('; '),
        remedy: `\`heroku pg:credentials --app <app>\` shows it. Make it on the cluster before the copy (\`doctl databases user create <cluster> ${name}\`): then its grants are copied, too.`,
      }),
    ),
    ...receivers
      .filter(({ how }) => how === 'logical slot')
      .map(({ name, active }) =>
        decide({
          id: `postgres/slot/${idPart(name)}`,
          area: 'consumer',
          what: `the replication slot ${name} ${active ? 'carries changes elsewhere' : 'is not read by anybody'}`,
          question: 'Slots and publications are not carried over. Who receives these changes?',
          options: ['not-needed', 'create-anew'],
          why: 'pg_replication_slots',
          remedy:
            'On the cluster: a user with settings.pg_allow_replication, a publication, and a first load of the receiver.',
        }),
      ),
    ...followerItem(receivers.filter(({ how }) => how !== 'logical slot').map(({ name }) => name)),
  ];
}

function followerItem(names: readonly string[]): Item[] {
  if (names.length === 0) return [];
  return [
    told({
      id: 'consumer/followers',
      area: 'consumer',
      what: `${formatCount(names.length)} servers follow this one`,
      becomes: 'left behind: the plan’s own standby or followers end with the add-on',
      why: 'pg_stat_replication and physical slots',
      remedy:
        'Whoever reads from a follower needs a read-only node of the cluster: add-ons with `following` are listed among the add-ons.',
    }),
  ];
}
