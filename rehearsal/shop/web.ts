import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { openPool } from './database.ts';
import { sideOf } from './environment.ts';
import { findOrder, isUuid, parseOrder, placeOrder } from './orders.ts';
import { openRedis } from './redis.ts';
import { parseDelivery, processDelivery } from './webhooks.ts';

/** The shop's web process. It writes nothing while it boots, and answers 5xx, never crashes, when a server is away. */
interface Answer {
  status: number;
  body: unknown;
}

const side = sideOf(process.env);
const pool = openPool(process.env, 5);
const redis = openRedis(process.env);
let stopping = false;
const bodyLimit = 64 * 1024;
const longestSleepMs = 60_000;

async function route(request: IncomingMessage): Promise<Answer> {
  const url = new URL(request.url ?? '/', 'http://shop');
  const [, collection, id] = url.pathname.split('/');
  switch (`${request.method ?? ''} ${collection ?? ''}`) {
    case 'GET ':
      return { status: 200, body: { shop: 'Sample shop', side } };
    case 'GET health':
      return health();
    case 'GET products':
      return products(id);
    case 'GET orders':
      return order(id);
    case 'POST orders':
      return takeOrder(await readJson(request));
    case 'POST webhooks':
      return takeDelivery(await readJson(request));
    case 'GET slow': {
      const milliseconds = Number(url.searchParams.get('ms') ?? 1000);
      await delay(Math.min(milliseconds || 0, longestSleepMs));
      return { status: 200, body: { slept: milliseconds } };
    }
    default:
      return { status: 404, body: { error: 'not found' } };
  }
}

/** Reads from both servers, writes to neither: the closed side is healthy too. */
async function health(): Promise<Answer> {
  const [{ rows }] = await Promise.all([
    pool.query<{ version: string }>('SELECT max(version) AS version FROM schema_migrations'),
    redis.get('health'),
  ]);
  return { status: 200, body: { status: 'ok', side, schema: rows[0]?.version } };
}

async function products(id: string | undefined): Promise<Answer> {
  const { rows } = await pool.query(
    `SELECT p.id, p.sku, p.title, p.price, i.on_hand - i.reserved AS available
     FROM products p JOIN inventory i ON i.product_id = p.id
     WHERE $1::bigint IS NULL OR p.id = $1 ORDER BY p.id LIMIT 20`,
    [id && /^\d{1,18}$/.test(id) ? id : null],
  );
  return rows.length > 0
    ? { status: 200, body: { products: rows } }
    : { status: 404, body: { error: 'no such product' } };
}

async function order(uuid: string | undefined): Promise<Answer> {
  const found = isUuid(uuid) ? await findOrder(pool, uuid) : undefined;
  return found ? { status: 200, body: found } : { status: 404, body: { error: 'no such order' } };
}

async function takeOrder(body: unknown): Promise<Answer> {
  const parsed = parseOrder(body);
  if (!parsed) return { status: 422, body: { error: 'an order needs uuid, userId and lines' } };
  const outcome = await placeOrder({ pool, redis, side }, parsed);
  return { status: outcome === 'placed' ? 201 : 200, body: { uuid: parsed.uuid, outcome, side } };
}

async function takeDelivery(body: unknown): Promise<Answer> {
  const parsed = parseDelivery(body);
  if (!parsed) return { status: 422, body: { error: 'a delivery needs id and topic' } };
  return { status: 200, body: { id: parsed.id, outcome: await processDelivery(pool, side, parsed) } };
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > bodyLimit) return undefined;
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString()) as unknown;
  } catch {
    return undefined;
  }
}

/** What an error means to the client. The reason stays in the log. */
function statusOf(error: unknown): number {
  const code = (error as { code?: unknown } | undefined)?.code;
  // An order for a user or a product that does not exist.
  if (code === '23502' || code === '23503') return 422;
  // Not allowed, read-only, lock or statement timed out, fenced: somebody is at work here, come back later.
  if (['42501', '25006', '55P03', '57014', 'P0001'].includes(String(code))) return 503;
  return 500;
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const started = performance.now();
  let result: Answer;
  try {
    result = await route(request);
  } catch (error) {
    const status = statusOf(error);
    const reason = error instanceof Error ? error.message : 'unknown reason';
    console.error(
      `at=error method=${request.method ?? ''} path=${request.url ?? ''} status=${status} reason="${reason}"`,
    );
    result = { status, body: { error: 'the shop cannot do this now' } };
  }
  response.writeHead(result.status, {
    'content-type': 'application/json',
    'x-shop-side': side,
    ...(stopping ? { connection: 'close' } : {}),
  });
  response.end(JSON.stringify(result.body));
  if (process.env.SHOP_LOG_REQUESTS) {
    const took = (performance.now() - started).toFixed(0);
    console.log(
      `method=${request.method ?? ''} path=${request.url ?? ''} status=${result.status} service=${took}ms`,
    );
  }
}

const server = createServer((request, response) => void answer(request, response));
// Longer than the router keeps its own connections, so that it is the router who closes them.
server.keepAliveTimeout = 95_000;
server.listen(Number(process.env.PORT ?? 5000), '0.0.0.0', () => {
  console.log(`The shop listens on ${process.env.PORT ?? 5000} (${side}).`);
});

/** What was begun is finished; both platforms kill after 30 s. */
process.once('SIGTERM', () => {
  console.log('SIGTERM: finishing what was begun.');
  stopping = true;
  server.close(() => process.exit(0));
  server.closeIdleConnections();
  setTimeout(() => process.exit(0), 25_000).unref();
});
process.once('SIGINT', () => process.exit(130));
