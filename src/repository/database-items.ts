import { automatic, decide, told, type Item } from '../migration/item.ts';
import { placesTold, type Finding } from './evidence.ts';
import { hasConfigVar, type ItemContext } from './item-context.ts';
import { ofKind } from './job-items.ts';
import { roleOf } from './known-libraries.ts';
import { connectionsOf } from './pools.ts';

/** How the code reaches its databases: protected in which way, and with how many connections. */
export function databaseItems(context: ItemContext): Item[] {
  return [...postgresTls(context), ...redisTls(context), ...connections(context)];
}

const VERIFIES = /^(sslmode=verify-(ca|full)|sslrootcert|rejectUnauthorized: true|VERIFY_PEER)$/;
const TRUSTS =
  /^(rejectUnauthorized: false|sslmode=(no-verify|require|prefer|allow)|ssl_require=True|VERIFY_NONE|ssl_cert_reqs|ssl_params|InsecureSkipVerify|verify_none|NODE_TLS_REJECT_UNAUTHORIZED)$/;
const OURS = /^(DATABASE_CA_CERT|REDIS_CA_CERT)$/;

function postgresTls({ facts, app }: ItemContext): Item[] {
  const drivers = facts.libraries.filter(
    ({ ecosystem, name }) => roleOf(ecosystem, name)?.role === 'postgres-driver',
  );
  if (drivers.length === 0) return [];
  const settings = ofKind(facts, 'tls');
  const id = 'repository/tls/postgres';
  const off = settings.find(({ what }) => what === 'sslmode=disable');
  if (off !== undefined) {
    return [
      decide({
        id,
        area: 'postgres',
        what: 'TLS is turned off somewhere (sslmode=disable)',
        question: 'Is that for developers’ machines only?',
        options: ['not-in-production', 'the-code-is-changed'],
        why: `${placesTold(off)}: DigitalOcean's Postgres refuses connections without TLS`,
        remedy: 'Leave `sslmode` to DATABASE_URL.',
      }),
    ];
  }
  const verifying = settings.filter(({ what }) => VERIFIES.test(what));
  if (verifying.length > 0 && !settings.some(({ what }) => what === 'DATABASE_CA_CERT')) {
    return [
      decide({
        id,
        area: 'postgres',
        what: `the database's certificate is verified (${names(verifying)})`,
        question: 'Against which CA, on the new side?',
        options: ['the-code-takes-database-ca-cert', 'it-is-of-another-server'],
        why: `${placesOf(verifying)}: DigitalOcean signs with a CA of the cluster's own, which no system trusts`,
        remedy: 'Take the CA from the variable DATABASE_CA_CERT, which the new side has.',
      }),
    ];
  }
  const trusting = settings.filter(({ what }) => TRUSTS.test(what) || OURS.test(what));
  const node = drivers.filter(({ ecosystem }) => ecosystem === 'npm');
  if (node.length > 0 && trusting.length === 0 && hasConfigVar(app, 'PGSSLMODE') !== true) {
    return [
      decide({
        id,
        area: 'postgres',
        what: `nothing in the code says how ${node.map(({ name }) => name).join(', ')} uses TLS`,
        question: 'Does it connect to a server whose CA no system trusts?',
        options: ['the-code-is-changed', 'it-connects'],
        why: `${node.map(({ name, path, line }) => `${name} (${path}:${line})`).join(', ')}: node-postgres verifies certificates as soon as TLS is on, and takes \`sslmode=require\` in an address for that (node-postgres issue 2375)`,
        remedy: 'Give it `ssl: { ca: process.env.DATABASE_CA_CERT }`, and no `sslmode` in the address.',
      }),
    ];
  }
  return [
    automatic({
      id,
      area: 'postgres',
      what: `TLS to Postgres${trusting.length === 0 ? '' : ` (${names(trusting)})`}`,
      becomes: 'TLS to the new cluster: the driver does not insist on a CA of the system',
      why:
        trusting.length === 0
          ? `${drivers.map(({ name }) => name).join(', ')} on libpq: required by the address, not verified`
          : placesOf(trusting),
    }),
  ];
}

function redisTls({ facts, app }: ItemContext): Item[] {
  const clients = facts.libraries.filter(
    ({ ecosystem, name }) => roleOf(ecosystem, name)?.role === 'redis-client',
  );
  const usesRedis =
    clients.length > 0 || facts.libraries.some(({ name }) => /^(sidekiq|resque|bullmq|bull)$/.test(name));
  if (!usesRedis || hasConfigVar(app, 'REDIS_URL') === false) return [];
  const settings = ofKind(facts, 'tls').filter(({ what }) =>
    /^(rejectUnauthorized: false|VERIFY_NONE|ssl_cert_reqs|ssl_params|REDIS_CA_CERT|verify_none|InsecureSkipVerify|NODE_TLS_REJECT_UNAUTHORIZED|tls: …)$/.test(
      what,
    ),
  );
  const id = 'repository/tls/redis';
  if (settings.length > 0) {
    return [
      automatic({
        id,
        area: 'redis',
        what: `TLS to Redis (${names(settings)})`,
        becomes: 'TLS to the new Redis, as the code sets it',
        why: placesOf(settings),
      }),
    ];
  }
  return [
    decide({
      id,
      area: 'redis',
      what: 'nothing in the code says how TLS to Redis is verified',
      question: 'Does it connect to a server whose CA no system trusts?',
      options: ['the-code-is-changed', 'it-connects'],
      why: `${clients.map(({ name, path, line }) => `${name} (${path}:${line})`).join(', ') || 'its queue'}: the new Redis speaks TLS only, with a certificate of a CA of its own`,
      remedy:
        REDIS_REMEDY[facts.languages[0]?.name ?? ''] ??
        'Take the CA from REDIS_CA_CERT and the name in the certificate from REDIS_TLS_SERVERNAME.',
    }),
  ];
}

const REDIS_REMEDY: Readonly<Record<string, string | undefined>> = {
  ruby: 'Write `ssl_params: { verify_mode: OpenSSL::SSL::VERIFY_NONE }` beside the url (as Heroku asks for, too), or a cert_store with REDIS_CA_CERT.',
  node: 'Write `tls: { ca: process.env.REDIS_CA_CERT, servername: process.env.REDIS_TLS_SERVERNAME }` beside the url.',
  python:
    'Add `ssl_cert_reqs=none` to the options (as Heroku asks for, too), or `ssl_ca_data` with REDIS_CA_CERT.',
};

function connections({ facts, app }: ItemContext): Item[] {
  if (facts.pools.length === 0) return [];
  const counts = facts.pools.map((pool) => {
    const quantity = app.formation?.find(({ type }) => type === pool.process)?.quantity;
    const one = connectionsOf(pool);
    return { pool, one, quantity, all: one === null || quantity === undefined ? null : one * quantity };
  });
  const why = counts
    .map(({ pool, one, quantity }) => {
      const size = one === null ? 'not told' : `${pool.processes ?? 1} × ${pool.threads ?? 1} = ${one}`;
      const times = quantity === undefined ? '' : `, ${quantity} instances`;
      const set = pool.variables.filter((name) => hasConfigVar(app, name) === true);
      return `${pool.process}: ${size} (${pool.from}${set.length > 0 ? `; ${set.join(', ')} may set another` : ''}${times})`;
    })
    .join('; ');
  const total = counts.every(({ all }) => all !== null)
    ? counts.reduce((sum, { all }) => sum + (all ?? 0), 0)
    : null;
  const id = 'repository/connections';
  if (total !== null && app.connectionLimit !== undefined && total > app.connectionLimit) {
    return [
      decide({
        id,
        area: 'postgres',
        what: `the processes may open ${total} connections, and the new database takes ${app.connectionLimit}`,
        question: 'Are the pools made smaller, or the database larger?',
        options: ['smaller-pools', 'larger-database', 'a-connection-pool'],
        why,
        remedy:
          'Lower WEB_CONCURRENCY or the threads, or set a larger `postgres.size`; a pool in transaction mode needs prepared statements turned off.',
      }),
    ];
  }
  return [
    told({
      id,
      area: 'postgres',
      what:
        total === null
          ? 'connections that an instance may open'
          : `the processes may open ${total} connections`,
      becomes:
        app.connectionLimit === undefined ? 'as many on the new side' : `as many, of ${app.connectionLimit}`,
      why,
      remedy:
        'During a deployment old and new instances run side by side: twice as many connections for a moment.',
    }),
  ];
}

function names(findings: readonly Finding[]): string {
  return findings.map(({ what }) => what).join(', ');
}

function placesOf(findings: readonly Finding[]): string {
  return findings.map((finding) => `${finding.what} (${placesTold(finding)})`).join(', ');
}
