import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { globSync, readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { z } from 'zod';
import { createAuthority, type Authority } from '../../rehearsal/servers/certificates.ts';
import { ask } from '../../src/checks/ask.ts';
import type { CheckRun } from '../../src/checks/run.ts';
import { upload } from '../../src/checks/upload.ts';
import { openWebSocket } from '../../src/checks/websocket.ts';
import { systemClock } from '../../src/clock.ts';
import { createDigitalOcean } from '../../src/digitalocean/client.ts';
import { lastLogLines } from '../../src/digitalocean/deployment-log.ts';
import { cloudflareProvider } from '../../src/dns/cloudflare.ts';
import { route53Provider } from '../../src/dns/route53.ts';
import { trustsFrontDoor } from '../../src/front-door/probe.ts';
import { SIGNED_HEADER } from '../../src/front-door/program/forwarded.ts';
import { egressAddress } from '../../src/github/egress.ts';
import { readEarlierRecords } from '../../src/github/earlier-records.ts';
import { createGateApi } from '../../src/github/gate-api.ts';
import { createRepositoryClient } from '../../src/github/repository-client.ts';
import { readRepositorySettings } from '../../src/github/repository-settings.ts';
import { buildSlug } from '../../src/heroku/build.ts';
import { createHeroku, type HerokuClient } from '../../src/heroku/client.ts';
import { parkApp } from '../../src/heroku/release.ts';
import { readRouterLog } from '../../src/heroku/router-log.ts';
import { askUnofficially, tellUnofficially } from '../../src/heroku/unofficial.ts';
import { silentLog } from '../../src/log.ts';
import { postJson } from '../../src/notify/post-json.ts';
import { impatientClock } from '../dns/impatient-clock.ts';
import { secretsIn } from '../../rehearsal/secret-forms.ts';

// Everything of ours that speaks HTTP asks a server that sends it on to another host: no secret ever arrives there.

const SECRET = 'a-secret-of-its-own-61c7/+x';
const SIGNATURE = `signature=${encodeURIComponent(SECRET)}`;
const OTHER_SECRET = 'AKIAOFTHEUSER0000001';

interface Host {
  url: string;
  /** Each request as text: its line, headers and body. */
  seen: string[];
}

interface Case {
  /** The file of ours that sends. */
  file: string;
  what: string;
  /** What it holds that the first host must see, unless it holds nothing. */
  holds?: string;
  tls?: true;
  ask: (url: string) => Promise<unknown>;
}

const signal = new AbortController().signal;
const clock = impatientClock();
const heroku = (url: string): HerokuClient =>
  createHeroku({ token: SECRET, apiUrl: url, dataApiUrl: url, log: silentLog, clock });
const digitalOcean = (url: string) =>
  createDigitalOcean({ token: SECRET, apiUrl: url, log: silentLog, clock });
const repository = (url: string) =>
  createRepositoryClient({ repository: 'acme/shop', apiUrl: url, token: SECRET, clock, signal });
const gate = (url: string) => createGateApi({ repository: 'acme/shop', apiUrl: url, token: SECRET, signal });

/** Heroku, as far as it hands out the signed address of a store. */
function handingOut(answers: Record<string, unknown>): HerokuClient {
  const give = (path: string): Promise<never> => Promise.resolve((answers[path] ?? []) as never);
  return { ...heroku('http://127.0.0.1:1'), get: give, list: give, post: give, patch: give };
}

let authority: Authority;

const run = (base: string): CheckRun => ({
  base,
  oldBase: undefined,
  secrets: { PASSWORD: SECRET },
  processedJobs: () => Promise.resolve(undefined),
  environment: {},
  environmentName: 'staging',
  redact: (text) => text,
  reach: { ca: authority.pem },
  clock: systemClock,
  signal,
});
const send = { authorization: 'Bearer {{secret.PASSWORD}}', cookie: 'session={{secret.PASSWORD}}' };

const CASES: Case[] = [
  ...(['get', 'delete'] as const).map((how): Case => ({
    file: 'src/heroku/client.ts',
    what: `Heroku's API, ${how}`,
    ask: (url) => heroku(url)[how]('/apps/shop', z.unknown()),
  })),
  ...(['post', 'patch'] as const).map((how): Case => ({
    file: 'src/heroku/client.ts',
    what: `Heroku's API, ${how}`,
    ask: (url) => heroku(url)[how]('/apps/shop', { value: SECRET }, z.unknown()),
  })),
  {
    file: 'src/heroku/client.ts',
    what: "Heroku's data API, the token as a password",
    ask: (url) => heroku(url).findData('/client/v11/databases/1', z.unknown(), { basic: true }),
  },
  {
    file: 'src/heroku/unofficial.ts',
    what: "Heroku's dashboard, read",
    ask: (url) => askUnofficially({ url, token: SECRET }, '/jobs', z.unknown()),
  },
  {
    file: 'src/heroku/unofficial.ts',
    what: "Heroku's dashboard, changed",
    ask: (url) => tellUnofficially({ url, token: SECRET }, 'PATCH', '/jobs/1', { body: { value: SECRET } }),
  },
  {
    file: 'src/heroku/router-log.ts',
    what: "the signed address of the router's log",
    ask: (url) =>
      readRouterLog(
        handingOut({ '/apps/shop/log-sessions': { logplex_url: `${url}/log?${SIGNATURE}` } }),
        'shop',
      ),
  },
  {
    file: 'src/heroku/build.ts',
    what: 'the signed address of a source',
    ask: (url) =>
      buildSlug(
        handingOut({ '/sources': { source_blob: { put_url: `${url}/s?${SIGNATURE}`, get_url: '' } } }),
        'shop',
        Buffer.from(SECRET),
      ),
  },
  {
    file: 'src/heroku/release.ts',
    what: 'the signed address of a slug',
    ask: (url) =>
      parkApp(
        handingOut({
          '/apps/shop/releases': [
            { id: 'r1', version: 1, status: 'succeeded', current: true, description: '', slug: { id: 's1' } },
          ],
          '/apps/shop/slugs/s1': { id: 's1', process_types: { web: 'x' }, commit: 'abc', stack: null },
          '/apps/shop/slugs': { id: 's2', blob: { url: `${url}/slug?${SIGNATURE}`, method: 'PUT' } },
        }),
        'shop',
      ),
  },
  ...(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const).map((method): Case => ({
    file: 'src/digitalocean/transport.ts',
    what: `DigitalOcean's API, ${method}`,
    ask: (url) =>
      digitalOcean(url).request(method, '/apps', z.unknown(), method === 'GET' ? undefined : { v: SECRET }),
  })),
  {
    file: 'src/digitalocean/transport.ts',
    what: "DigitalOcean's API by dots-wrapper",
    ask: (url) => digitalOcean(url).dots.vpc.listVpcs({ page: 1, per_page: 20 }),
  },
  {
    file: 'src/digitalocean/deployment-log.ts',
    what: 'the signed address of a log',
    ask: (url) =>
      lastLogLines(
        {
          ...digitalOcean('http://127.0.0.1:1'),
          request: () => Promise.resolve({ historic_urls: [`${url}/log?${SIGNATURE}`] } as never),
        },
        { appId: 'a', id: 'd', failedComponents: [] },
      ),
  },
  ...['GET', 'POST', 'PATCH', 'PUT', 'DELETE'].map((method): Case => ({
    file: 'src/github/repository-client.ts',
    what: `GitHub's API of a repository, ${method}`,
    ask: (url) => repository(url).ask('it', `${method} /git/refs`, {}, z.unknown()),
  })),
  { file: 'src/github/gate-api.ts', what: 'what the gate reads', ask: (url) => gate(url).run('1') },
  { file: 'src/github/gate-api.ts', what: 'an artifact of the gate', ask: (url) => gate(url).archive(1) },
  {
    file: 'src/github/earlier-records.ts',
    what: 'records of earlier runs',
    ask: (url) =>
      readEarlierRecords({
        repository: 'acme/shop',
        apiUrl: url,
        token: SECRET,
        migrationId: 'shop-production',
        environment: 'production',
        now: new Date(),
        signal,
      }),
  },
  {
    file: 'src/github/repository-settings.ts',
    what: "the repository's settings",
    ask: (url) =>
      readRepositorySettings({
        repository: 'acme/shop',
        apiUrl: url,
        token: SECRET,
        environments: ['production'],
        signal,
      }),
  },
  {
    file: 'src/dns/cloudflare-client.ts',
    what: 'Cloudflare',
    ask: (url) =>
      cloudflareProvider({ token: SECRET, apiUrl: url, zone: 'example.com', log: silentLog, clock }).then(
        (dns) => dns.readAddresses('shop.example.com'),
      ),
  },
  {
    file: 'src/dns/route53.ts',
    what: 'Route 53',
    holds: OTHER_SECRET,
    ask: (url) =>
      route53Provider({
        credentials: { accessKeyId: OTHER_SECRET, secretAccessKey: SECRET, sessionToken: SECRET },
        apiUrl: url,
        ...{ zone: 'example.com', zoneId: undefined, log: silentLog, clock },
      }).then((dns) => dns.readAddresses('shop.example.com')),
  },
  {
    file: 'src/notify/post-json.ts',
    what: 'a webhook, whose address is the secret',
    ask: (url) => postJson(`${url}/services/${encodeURIComponent(SECRET)}`, { text: SECRET }),
  },
  {
    file: 'src/github/egress.ts',
    what: "the runner's own address, which may be redirected and holds nothing",
    holds: '',
    ask: (url) => egressAddress(url, signal, clock),
  },
  {
    file: 'src/front-door/probe.ts',
    what: 'whether the new side trusts the forwarder',
    holds: SIGNED_HEADER.toLowerCase(),
    ask: (url) =>
      trustsFrontDoor({
        targetHost: 'new.example',
        secret: SECRET,
        fetch: (_address, init) => fetch(url, init),
      }),
  },
  {
    file: 'src/checks/exchange.ts',
    what: 'a check of the new side, GET',
    tls: true,
    ask: (url) =>
      ask(run(url), url, { method: 'GET', path: '/', send } as never, {
        known: { captured: new Map(), secrets: { PASSWORD: SECRET } },
      }),
  },
  {
    file: 'src/checks/exchange.ts',
    what: 'a check that logs in',
    tls: true,
    ask: (url) =>
      ask(
        run(url),
        url,
        { method: 'POST', path: '/', send, form: { password: '{{secret.PASSWORD}}' } } as never,
        {
          known: { captured: new Map(), secrets: { PASSWORD: SECRET } },
        },
      ),
  },
  {
    file: 'src/checks/exchange.ts',
    what: 'a check that sends a file',
    tls: true,
    ask: (url) =>
      upload(run(url), {
        method: 'POST',
        path: '/',
        bytes: 10,
        field: undefined,
        send,
        expected: {},
      } as never),
  },
  {
    file: 'src/checks/websocket.ts',
    what: 'a check of a WebSocket',
    tls: true,
    ask: (url) =>
      openWebSocket(run(url), {
        path: '/cable',
        protocol: undefined,
        contains: undefined,
        withinMs: 2000,
        send,
      }),
  },
];

const servers: Server[] = [];
let status = 302;
const hosts = {} as Record<'plain' | 'secure', { first: Host; second: Host }>;

beforeAll(async () => {
  authority = await createAuthority('redirects');
  const { certificate, key } = await authority.issue(['localhost']);
  const listen = async (tls: boolean, answer: RequestListener): Promise<Host> => {
    const seen: string[] = [];
    const keeping: RequestListener = (request, response) => {
      const { method = '', url = '', rawHeaders } = request;
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        seen.push(
          [`${method} ${url}`, rawHeaders.join('\n'), Buffer.concat(parts).toString('latin1')].join('\n'),
        );
        answer(request, response);
      });
    };
    const server = tls ? createSecureServer({ cert: certificate, key }, keeping) : createServer(keeping);
    server.on('upgrade', (request, socket) => {
      seen.push([`${request.method} ${request.url}`, request.rawHeaders.join('\n')].join('\n'));
      socket.end(
        `HTTP/1.1 ${status} Moved\r\nlocation: ${hosts.secure.second.url}/\r\ncontent-length: 0\r\n\r\n`,
      );
    });
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    return { url: tls ? `https://localhost:${port}` : `http://127.0.0.1:${port}`, seen };
  };
  for (const [name, tls] of [
    ['plain', false],
    ['secure', true],
  ] as const) {
    const second = await listen(tls, (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'set-cookie': 'a=b' }).end('{}');
    });
    // To the same address there, its query included: whoever follows hands over what a signed address holds.
    const first = await listen(tls, (request, response) => {
      response.writeHead(status, { location: `${second.url}${request.url}` }).end();
    });
    hosts[name] = { first, second };
  }
});

afterAll(() => {
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
});

beforeEach(() => {
  for (const { first, second } of Object.values(hosts)) [first.seen.length, second.seen.length] = [0, 0];
});

describe.each([301, 302, 303, 307, 308])('sent on with %d', (redirect) => {
  test.each(CASES.map((one) => [one.what, one] as const))(
    '%s',
    async (_what, { ask: asks, holds = SECRET, tls }) => {
      status = redirect;
      const { first, second } = hosts[tls === true ? 'secure' : 'plain'];
      await asks(first.url).catch(() => undefined);
      // It was asked, with what must stay there.
      const known = { it: holds };
      expect(first.seen.length).toBeGreaterThan(0);
      if (holds !== '') expect(secretsIn(first.seen.join('\n'), known)).toEqual(['it']);
      const arrived = second.seen.join('\n');
      expect(secretsIn(arrived, { secret: SECRET, ...(holds === '' ? {} : known) })).toEqual([]);
      expect(arrived).not.toMatch(/^(proxy-)?authorization$|^cookie$/im);
    },
  );
});

test('the search finds a secret that was sent on, so that nothing above passes for want of eyes', async () => {
  status = 307;
  const { first, second } = hosts.plain;
  // Fetch drops `authorization`, and nothing else, on its way to another host.
  await fetch(`${first.url}/x`, { headers: { 'x-token': SECRET } });
  expect(secretsIn(second.seen.join('\n'), { SECRET })).toEqual(['SECRET']);
});

/** What sends HTTP, by how it stands in the source, and a word there that says that no redirect is followed. */
const SENDERS: readonly { sends: RegExp; safe: RegExp }[] = [
  { sends: /^(?![^]*const fetch =)[^]*(?<![.\w])fetch\)?\(/, safe: /redirect: '(manual|error)'/ },
  { sends: /new HttpClient\(/, safe: /allowRedirects: false|maxRedirects: 3/ },
  // Neither follows anything by itself.
  { sends: /from 'node:https?'/, safe: /./ },
  { sends: /new Route53Client\(/, safe: /./ },
  // Both are built upon fetch, which drops what authorizes on its way to another host.
  { sends: /getOctokit\(/, safe: /./ },
  { sends: /from 'cloudflare\/tree-shakable'/, safe: /redirect: 'manual'/ },
];

/** These send nothing secret, or nothing at all. */
const WITHOUT_SECRETS: Record<string, string> = {
  'src/checks/connection.ts': 'opens the connections of exchange.ts and websocket.ts',
  'src/checks/plain-http.ts': 'asks without anything whether TLS is forced',
  'actions/cutover/edge-certificate.ts': 'asks the proxy of the machine for a tunnel',
  'actions/cutover/front-door-pre-flight.ts': 'is how front-door/probe.ts asks where there is a proxy',
  'actions/provision/trial-boot.ts': 'asks a container on this machine',
  'actions/http-checks.ts': 'asks for pages as any visitor',
  'actions/probe/ask-app.ts': 'asks a throw-away app',
  'actions/probe/program.ts': 'is the source of the throw-away app',
  'src/front-door/program-text.ts': 'is the source of the forwarder, which passes redirects on',
};

test('nothing of ours that sends HTTP is missing above', () => {
  const root = join(import.meta.dirname, '../..');
  const files = ['src', 'actions'].flatMap((folder) => globSync(join(folder, '**/*.ts'), { cwd: root }));
  const tried = new Set([...CASES.map(({ file }) => file), ...Object.keys(WITHOUT_SECRETS)]);
  const problems = files.flatMap((file) => {
    // The program of the dyno passes on what comes, redirects too; what is written into the user's repository is Ruby.
    if (/^src\/(front-door\/program|repository-files)\//.test(file)) return [];
    const text = readFileSync(join(root, file), 'utf8');
    const sending = SENDERS.filter(({ sends }) => sends.test(text));
    return [
      ...(sending.length > 0 && !tried.has(file) ? [`${file} is not tried`] : []),
      ...(sending.some(({ safe }) => !safe.test(text)) ? [`${file} may follow a redirect`] : []),
    ];
  });
  expect(problems).toEqual([]);
});
