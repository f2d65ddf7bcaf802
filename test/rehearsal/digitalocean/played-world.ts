import { afterAll } from '@jest/globals';
import { mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createApiClient } from 'dots-wrapper';
import { createAuthority, type Authority } from '../../../rehearsal/servers/certificates.ts';
import { stopAll, temporaryDirectory } from '../../../rehearsal/servers/process.ts';
import { startDigitalOcean, type DigitalOceanWorld } from '../../../rehearsal/digitalocean/world.ts';
import type { Branch } from '../../../rehearsal/digitalocean/platform.ts';
import type { PlayedLatencies } from '../../../rehearsal/digitalocean/played.ts';
import { silentLog } from '../../../src/log.ts';

export const token = 'dop_v1_full';
export const runner = '203.0.113.10';
/** A digest that no image has, for tests that need none. */
export const digest = `sha256:${'a'.repeat(64)}`;

export interface TestWorld extends DigitalOceanWorld {
  authority: Authority;
  dots: ReturnType<typeof createApiClient>;
  /** The runner's public address, as the world sees it. */
  egress: { address: string };
  /** What the world warned of. */
  warnings: string[];
  /** Makes an image whose code is these files. */
  image(files: Record<string, string>): string;
  /** What App Platform may read at GitHub, by `repository branch`. */
  branches: Map<string, Branch>;
  /** A request with the full token; `body` is sent as JSON. */
  api(method: string, path: string, body?: unknown, bearer?: string): Promise<Reply>;
  /** A GET through the ingress. */
  visit(host: string, path?: string): Promise<{ status: number; body: string }>;
}

export interface Reply {
  status: number;
  headers: Headers;
  body: Body;
  /** As it came. */
  text: string;
}

/** What the tests look at in answers; each answer has the fields of its own kind only. */
export interface Body {
  id: string;
  message: string;
  links: { pages: Record<string, string> };
  meta: { total: number };
  vpc: { id: string };
  project: { id: string };
  vpcs: { name: string; region: string; ip_range: string }[];
  tag: { resources: { droplets: { count: number } } };
  domain_record: { id: number; name: string; data: string; ttl: number };
  domain_records: object[];
  options: { pg: { versions: string[] } };
  database: Database;
  ca: { certificate: string };
  rules: { value: string }[];
  user: { role: string; password: string };
  droplet: { id: number; status: string; vpc_uuid: string };
  droplets: { id: number; networks: { v4: { type: string }[] } }[];
  firewall: { id: string };
  app: ShownApp;
  deployments: ShownDeployment[];
  job_invocations: { job_name: string; phase: string }[];
  valid: boolean;
}

export interface Database {
  id: string;
  status: string;
  connection: Connection;
  private_connection: Connection;
}

export interface Connection {
  host: string;
  port: number;
  user: string;
  password: string;
}

export interface ShownApp {
  spec: ShownSpec;
  default_ingress: string;
  active_deployment: ShownDeployment;
  pinned_deployment?: ShownDeployment;
  domains: { phase: string; validations: { txt_name: string; txt_value: string }[] }[];
}

export interface ShownSpec {
  envs: { key: string; value: string }[];
}

export interface ShownDeployment {
  id: string;
  phase: string;
  spec: ShownSpec;
  cause_details: { type: string };
  progress: { success_steps: number; total_steps: number };
}

/** What must be there. */
export function found<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('It is not there.');
  return value;
}

const quick: Partial<PlayedLatencies> = {
  clusterMs: 50,
  dropletMs: 50,
  deploymentMs: 80,
  certificateMs: 100,
  schedulerMinuteMs: 150,
  specSecondMs: 50,
  requestsPerMinute: 100_000,
  requestsPerHour: 1_000_000,
};

const worlds: TestWorld[] = [];

afterAll(async () => {
  await Promise.all(worlds.map((world) => world.stop()));
  await stopAll();
});

/** A played DigitalOcean with short latencies, stopped after the file's last test. */
export async function testWorld(played: Partial<PlayedLatencies> = {}): Promise<TestWorld> {
  const authority = await createAuthority('Test world');
  const egress = { address: runner };
  const warnings: string[] = [];
  const images = new Map<string, string>();
  const branches = new Map<string, Branch>();
  const world = await startDigitalOcean({
    log: { ...silentLog, warning: (line) => warnings.push(line) },
    authority,
    egressAddress: () => egress.address,
    images: (reference) => {
      const code = images.get(reference);
      return code === undefined ? undefined : { code };
    },
    branches: (repository, branch) => branches.get(`${repository} ${branch}`),
    played: { ...quick, ...played },
  });
  world.tokens.add(token, 'all');
  const test: TestWorld = {
    ...world,
    authority,
    egress,
    warnings,
    branches,
    dots: createApiClient({ token, endpoint: `${world.apiUrl}/v2` }),
    image: (files) => {
      const code = temporaryDirectory('image');
      mkdirSync(code, { recursive: true });
      for (const [name, content] of Object.entries(files)) writeFileSync(join(code, name), content);
      const made = `sha256:${String(images.size + 1).padStart(64, '0')}`;
      images.set(made, code);
      return made;
    },
    api: (method, path, body, bearer = token) => call(world.apiUrl, method, path, body, bearer),
    visit: (host, path = '/') => visit(world, authority, host, path),
  };
  worlds.push(test);
  return test;
}

async function call(
  base: string,
  method: string,
  path: string,
  body: unknown,
  bearer: string,
): Promise<Reply> {
  const response = await fetch(`${base}/v2${path}`, {
    method,
    headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: (text === '' ? {} : JSON.parse(text)) as Body,
  };
}

function visit(
  world: DigitalOceanWorld,
  authority: Authority,
  host: string,
  path: string,
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const { host: address, port } = world.ingress.https;
    const options = { host: address, port, path, servername: host, ca: authority.pem, agent: false };
    const asked = request({ ...options, headers: { host } }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }),
      );
    });
    asked.on('error', reject);
    asked.end();
  });
}

/** Looks until `look` finds something; undefined after 20 s. */
export async function eventually<T>(
  look: () => Promise<T | undefined> | T | undefined,
): Promise<T | undefined> {
  for (let left = 400; left > 0; left -= 1) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    await delay(50);
  }
  return undefined;
}

/** A cluster that is online, with doadmin's login on its public endpoint. */
export async function onlineCluster(world: TestWorld, name = 'shop'): Promise<ClusterLogin> {
  const made = await world.api('POST', '/databases', {
    name,
    engine: 'pg',
    version: (await world.api('GET', '/databases/options')).body.options.pg.versions[0],
    region: 'fra1',
    size: 'db-s-1vcpu-1gb',
    num_nodes: 1,
  });
  const { id } = made.body.database;
  const online = found(
    await eventually(async () => {
      const { database } = (await world.api('GET', `/databases/${id}`)).body;
      return database.status === 'online' ? database : undefined;
    }),
  );
  const ca = Buffer.from(
    (await world.api('GET', `/databases/${id}/ca`)).body.ca.certificate,
    'base64',
  ).toString();
  const login = (connection: Connection): Login => ({
    host: connection.host,
    port: connection.port,
    user: connection.user,
    password: connection.password,
    database: 'defaultdb',
    ssl: { ca },
  });
  return { id, public: login(online.connection), private: login(online.private_connection) };
}

export interface ClusterLogin {
  id: string;
  public: Login;
  private: Login;
}

export interface Login {
  host: string;
  port: number;
  user: string;
  password: string;
  database: string;
  ssl: { ca: string };
}
