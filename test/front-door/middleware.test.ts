import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { freePort } from '../../rehearsal/servers/free-port.ts';
import { startProcess, temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { findRubySidekiq } from '../../rehearsal/servers/ruby-sidekiq.ts';
import { signature, signed } from '../../src/front-door/program/forwarded.ts';
import { trustsFrontDoor } from '../../src/front-door/probe.ts';
import { silentLog } from '../../src/log.ts';
import { frontDoorNode } from '../../src/repository-files/front-door-node.ts';
import { frontDoorPython } from '../../src/repository-files/front-door-python.ts';
import { frontDoorRuby } from '../../src/repository-files/front-door-ruby.ts';
import { foundIn, inFullRun, testNeeding } from '../support/or-skipped.ts';
import '../support/servers.ts';
import { ask } from './support/client.ts';

// Rack comes with Sidekiq.
const rubySidekiq = await inFullRun(() => findRubySidekiq(silentLog));

const SECRET = 'shared by two';
const now = (): number => Math.floor(Date.now() / 1000);
const CAME = { host: 'shop.example.com', proto: 'https', port: '443', for: '198.51.100.1, 203.0.113.7' };

/** What reaches the app at App Platform: its ingress' own words, and what the forwarder sent. */
const ARRIVED = {
  host: 'shop-abc.ondigitalocean.app',
  'x-forwarded-host': 'shop.example.com',
  'x-forwarded-proto': 'http',
  'x-forwarded-port': '80',
  'x-forwarded-for': '198.51.100.1, 203.0.113.7, 192.0.2.9',
};

interface Seen {
  host: string;
  proto: string | null;
  port: string | null;
  for: string | null;
  forwardedHost: string | null;
  signature: string | null;
  /** As the framework's own interface says; not every one has such a thing. */
  scheme?: string;
}
const RESTORED = { ...CAME, forwardedHost: null, signature: null };
const UNTOUCHED = {
  host: ARRIVED.host,
  proto: 'http',
  port: '80',
  for: ARRIVED['x-forwarded-for'],
  forwardedHost: 'shop.example.com',
  signature: null,
};

/** Sends what reaches the app, and answers what the app saw. */
type App = (headers: Record<string, string>) => Promise<{ status: number; body: string }>;

const seenBy = async (app: App, header: string | undefined): Promise<Seen> => {
  const { body } = await app({ ...ARRIVED, ...(header === undefined ? {} : { 'x-front-door': header }) });
  const seen = JSON.parse(body) as Seen;
  delete seen.scheme;
  return seen;
};

function tests(app: () => App): void {
  test('a valid signature gives back what Heroku’s router said', async () => {
    expect(await seenBy(app(), signed({ at: now(), ...CAME }, SECRET))).toEqual(RESTORED);
    // What Heroku did not say is not said here.
    const less = signed({ at: now(), host: CAME.host, proto: 'http' }, SECRET);
    expect(await seenBy(app(), less)).toEqual({ ...RESTORED, proto: 'http', port: null, for: null });
  });

  test.each([
    ['none', () => undefined],
    ['one by another secret', () => signed({ at: now(), ...CAME }, 'guessed')],
    [
      'one over other words',
      () =>
        signed({ at: now(), ...CAME, host: 'evil' }, SECRET).replace(
          /^[^.]+/,
          Buffer.from(JSON.stringify({ at: now(), ...CAME })).toString('base64url'),
        ),
    ],
    ['one that is ten minutes old', () => signed({ at: now() - 600, ...CAME }, SECRET)],
    ['one from ten minutes ahead', () => signed({ at: now() + 600, ...CAME }, SECRET)],
    ['words that are no signature', () => 'nothing of it'],
    ['half of one', () => signed({ at: now(), ...CAME }, SECRET).split('.')[0]],
    ['an empty one', () => `${signed({ at: now(), ...CAME }, SECRET).split('.')[0] ?? ''}.`],
    ['the secret itself', () => SECRET],
  ])('with %s nothing is changed, and the app does not see it', async (_name, header) => {
    expect(await seenBy(app(), header())).toEqual(UNTOUCHED);
  });

  test('a signed question is answered with what only the secret gives, and by nobody else', async () => {
    const proof = await app()({ ...ARRIVED, 'x-front-door': signed({ at: now(), probe: 'abc' }, SECRET) });
    expect(proof).toMatchObject({ status: 200, body: signature('probe abc', SECRET) });
    const other = await seenBy(app(), signed({ at: now(), probe: 'abc' }, 'guessed'));
    expect(other).toEqual(UNTOUCHED);
  });
}

/** A server of the app in a process of its own. */
async function served(
  command: string,
  args: (port: number) => string[],
  files: Record<string, string>,
  environment: Record<string, string> = { FRONT_DOOR_SECRET: SECRET },
): Promise<{ app: App; port: number }> {
  const directory = temporaryDirectory('middleware');
  for (const [path, content] of Object.entries(files)) writeFileSync(join(directory, path), content);
  const port = await freePort();
  const lines: string[] = [];
  startProcess(command, args(port), {
    cwd: directory,
    env: { PATH: process.env['PATH'], HOME: directory, ...environment },
    onLine: (line) => lines.push(line),
  });
  const app: App = (headers) => ask(`http://127.0.0.1:${port}/path`, { headers, setHost: false });
  for (const deadline = Date.now() + 30_000; ; await delay(50)) {
    if ((await app({}).catch(() => undefined)) !== undefined) return { app, port };
    if (Date.now() > deadline) throw new Error(`It did not start:\n${lines.join('\n')}`);
  }
}

describe('Node', () => {
  const seen = `{
    host: headers.host, proto: headers['x-forwarded-proto'] ?? null, port: headers['x-forwarded-port'] ?? null,
    for: headers['x-forwarded-for'] ?? null, forwardedHost: headers['x-forwarded-host'] ?? null,
    signature: headers['x-front-door'] ?? null }`;
  const files = {
    'front-door.cjs': frontDoorNode(),
    'app.cjs': `
      const server = require('node:http').createServer(({ headers, rawHeaders }, response) => {
        // Frameworks read either.
        const raw = {};
        for (let at = 0; at < rawHeaders.length; at += 2) raw[rawHeaders[at].toLowerCase()] = rawHeaders[at + 1];
        const [seen, again] = [headers, raw].map((headers) => JSON.stringify(${seen}));
        response.end(seen === again ? seen : seen + again);
      });
      server.on('upgrade', ({ headers }, socket) => socket.end(JSON.stringify(${seen})));
      server.listen(Number(process.argv[2]), '127.0.0.1');`,
  };
  const args = (port: number): string[] => ['--require', './front-door.cjs', 'app.cjs', `${port}`];
  let node: { app: App; port: number };
  beforeAll(async () => {
    node = await served(process.execPath, args, files);
  });
  tests(() => node.app);

  test('upgrades (WebSockets) get it back, too', async () => {
    const words = await new Promise<string>((resolve) => {
      let said = '';
      const socket = connect(node.port, '127.0.0.1', () => {
        const header = signed({ at: now(), ...CAME }, SECRET);
        socket.write(
          `GET /cable HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Front-Door: ${header}\r\n\r\n`,
        );
      });
      socket.on('data', (chunk) => (said += chunk.toString()));
      socket.once('close', () => {
        resolve(said);
      });
    });
    expect(JSON.parse(words)).toEqual(RESTORED);
  });

  test('without the variable, as at Heroku, nothing is trusted, not even an empty secret', async () => {
    const { app } = await served(process.execPath, args, files, {});
    expect(await seenBy(app, signed({ at: now(), ...CAME }, ''))).toEqual(UNTOUCHED);
  });

  test('the migration asks it whether it trusts the forwarder: yes, no, and not known', async () => {
    const there: typeof fetch = (_url, init) => fetch(`http://127.0.0.1:${node.port}/`, init);
    expect(await trustsFrontDoor({ targetHost: 'shop', secret: SECRET, fetch: there })).toBe(true);
    expect(await trustsFrontDoor({ targetHost: 'shop', secret: 'another', fetch: there })).toBe(false);
    const nobody: typeof fetch = (_url, init) => fetch('http://127.0.0.1:1/', init);
    await expect(trustsFrontDoor({ targetHost: 'shop', secret: SECRET, fetch: nobody })).rejects.toThrow(
      'shop could not be asked',
    );
  });
});

describe('Python, WSGI', () => {
  const files = {
    'front_door.py': frontDoorPython(),
    'app.py': `
import json, sys
from wsgiref.simple_server import make_server
import front_door

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    names = {"host": "HTTP_HOST", "proto": "HTTP_X_FORWARDED_PROTO", "port": "HTTP_X_FORWARDED_PORT",
             "for": "HTTP_X_FORWARDED_FOR", "forwardedHost": "HTTP_X_FORWARDED_HOST", "signature": "HTTP_X_FRONT_DOOR"}
    seen = {key: environ.get(name) for key, name in names.items()}
    seen["scheme"] = environ["wsgi.url_scheme"]
    return [json.dumps(seen).encode()]

application = front_door.wsgi(application)
make_server("127.0.0.1", int(sys.argv[1]), application).serve_forever()
`,
  };
  let app: App;
  beforeAll(async () => {
    ({ app } = await served('python3', (port) => ['-B', 'app.py', `${port}`], files));
  });
  tests(() => app);
});

describe('Python, ASGI', () => {
  // No ASGI server comes with Python: this one knows as much of it as the questions need.
  const files = {
    'front_door.py': frontDoorPython(),
    'app.py': `
import asyncio, json, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
import front_door

async def application(scope, receive, send):
    headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
    names = {"host": "host", "proto": "x-forwarded-proto", "port": "x-forwarded-port", "for": "x-forwarded-for",
             "forwardedHost": "x-forwarded-host", "signature": "x-front-door"}
    seen = {key: headers.get(name) for key, name in names.items()}
    seen["scheme"] = scope.get("scheme")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(seen).encode()})

application = front_door.asgi(application)

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        kind = self.headers.get("X-Kind", "http")
        fields = [(name.lower().encode(), value.encode("latin-1")) for name, value in self.headers.items()]
        async def send(message):
            if message["type"] == "http.response.start":
                self.send_response(message["status"])
                self.end_headers()
            else:
                self.wfile.write(message["body"])
        asyncio.run(application({"type": kind, "scheme": "http", "headers": fields}, None, send))

HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
`,
  };
  let app: App;
  beforeAll(async () => {
    ({ app } = await served('python3', (port) => ['-B', 'app.py', `${port}`], files));
  });
  tests(() => app);

  test('a WebSocket gets it back, with the scheme of its kind', async () => {
    const header = signed({ at: now(), ...CAME }, SECRET);
    const { body } = await app({ ...ARRIVED, 'x-kind': 'websocket', 'x-front-door': header });
    expect(JSON.parse(body)).toEqual({ ...RESTORED, scheme: 'wss' });
  });
});

describe('Ruby', () => {
  const files = {
    'front_door.rb': frontDoorRuby(false),
    'app.rb': `
require 'json'
require_relative 'front_door'
app = FrontDoor.new(lambda do |env|
  names = { host: 'HTTP_HOST', proto: 'HTTP_X_FORWARDED_PROTO', port: 'HTTP_X_FORWARDED_PORT',
            for: 'HTTP_X_FORWARDED_FOR', forwardedHost: 'HTTP_X_FORWARDED_HOST', signature: 'HTTP_X_FRONT_DOOR' }
  [200, {}, [JSON.generate(names.transform_values { |name| env[name] }.merge(scheme: env['rack.url_scheme']))]]
end)
given = JSON.parse(ARGV[0]).to_h { |name, value| ["HTTP_#{name.upcase.tr('-', '_')}", value] }
status, _headers, body = app.call({ 'rack.url_scheme' => 'http' }.merge(given))
puts JSON.generate(status: status, body: body.join)
`,
  };
  const app: App = async (headers) => {
    const { ruby, environment } = foundIn(rubySidekiq);
    const directory = temporaryDirectory('rack');
    for (const [path, content] of Object.entries(files)) writeFileSync(join(directory, path), content);
    const { stdout } = await promisify(execFile)(ruby, ['app.rb', JSON.stringify(headers)], {
      cwd: directory,
      env: { ...environment, FRONT_DOOR_SECRET: SECRET },
    });
    return JSON.parse(stdout) as { status: number; body: string };
  };
  if ('found' in rubySidekiq) tests(() => app);
  else testNeeding([rubySidekiq], 'a valid signature gives back what it came with', () => Promise.resolve());
});
