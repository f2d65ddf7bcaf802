import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { runChecks } from '../../src/checks/functional.ts';
import type { Check } from '../../src/checks/result.ts';
import type { CheckRun } from '../../src/checks/run.ts';
import { parseMigrationConfig } from '../../src/migration/config.ts';
import { playApp, type Handler, type PlayedApp, type Signed } from './played-app.ts';

// Each kind of check against a real server behind TLS: seen passing, and failing for the reason for which it is there.

const TOKEN = 'k3&y';
const HEAD = `application: shop\nenvironments: { staging: { heroku-app: shop-staging, region: fra } }\nchecks:\n`;

/** A small shop: a page, a login with a CSRF token, an API, uploads, and jobs. */
const shop: Handler = (asked, answer, body) => {
  const cookies = asked.headers.cookie ?? '';
  const html = (text: string, headers: Record<string, string | string[]> = {}): void => {
    answer.writeHead(200, { 'content-type': 'text/html', ...headers }).end(text);
  };
  switch (`${asked.method ?? ''} ${asked.url ?? ''}`) {
    case 'GET /':
      return html('<h1>Welcome</h1>', {
        'set-cookie': '_shop=1; Path=/; Secure; HttpOnly; SameSite=Lax',
        'x-frame-options': 'DENY',
      });
    case 'HEAD /':
      answer.writeHead(200, { 'x-frame-options': 'DENY' }).end();
      return;
    case 'GET /api/status':
      answer.writeHead(200, { 'content-type': 'application/json' }).end('{"status":"ok","items":[{"id":7}]}');
      return;
    case 'GET /admin':
      answer.writeHead(302, { location: '/login?back=admin' }).end();
      return;
    case 'GET /login':
      return html(`<input name="token" value="${TOKEN.replace('&', '&amp;')}">`, {
        'set-cookie': 'session=anonymous; Path=/',
      });
    case 'POST /login': {
      const form = new URLSearchParams(body);
      const right =
        form.get('token') === TOKEN &&
        form.get('password') === 'hunter22' &&
        cookies.includes('session=anonymous');
      answer
        .writeHead(
          right ? 303 : 422,
          right ? { location: '/account', 'set-cookie': 'session=ada; Path=/' } : {},
        )
        .end();
      return;
    }
    case 'GET /account':
      return cookies.includes('session=ada') ? html('Sign out') : html('Sign in');
    case 'POST /files':
      answer.writeHead(body.length >= 1_000_000 ? 201 : 400).end();
      return;
    case 'GET /slow':
      setTimeout(() => answer.writeHead(200).end('done'), 400);
      return;
    default:
      answer.writeHead(404).end('nothing here');
  }
};

let app: PlayedApp;
beforeAll(async () => {
  app = await playApp(shop);
});
afterAll(() => app.close());

async function check(yaml: string, more: Partial<CheckRun> = {}, closed = false): Promise<Check> {
  const { declaredChecks } = parseMigrationConfig(HEAD + yaml, 'migration.yml');
  const [first] = await runChecks(app.run(more), declaredChecks, { closed });
  if (first === undefined) throw new Error('no check');
  return first;
}

test.each([
  ['status', '  - { path: / }', '  - { path: /nothing }', 'HTTP 404 instead of 200'],
  [
    'a text',
    '  - { path: /, contains: Welcome }',
    '  - { path: /, contains: Goodbye }',
    'without the text "Goodbye"',
  ],
  [
    'a pattern',
    '  - { path: /, matches: "<h1>\\\\w+</h1>" }',
    '  - { path: /, matches: "<h2>" }',
    'does not match',
  ],
  [
    'JSON',
    '  - { path: /api/status, json: { /status: ok, /items/0/id: 7 } }',
    '  - { path: /api/status, json: { /status: broken, /items/1/id: 7 } }',
    '/status is a text of 2 characters and not "broken"; nothing at /items/1/id',
  ],
  [
    'a header',
    '  - { path: /, headers: { X-Frame-Options: deny, x-powered-by: null } }',
    '  - { path: /, headers: { content-security-policy: self } }',
    'no header content-security-policy',
  ],
  [
    'a redirect',
    '  - { path: /admin, redirect: /login }',
    '  - { path: /admin, redirect: /account }',
    'instead of https://localhost',
  ],
  [
    'no redirect',
    '  - { path: /admin, redirect: /login, status: 302 }',
    '  - { path: /, redirect: /login }',
    'HTTP 200 instead of a redirect',
  ],
  [
    'cookie flags',
    '  - { path: /, cookies: [{ name: _shop, secure: true, http-only: true, same-site: lax }] }',
    '  - { path: /login, cookies: [{ name: session, secure: true, http-only: true, same-site: lax }] }',
    'cookie session without Secure, without HttpOnly, without SameSite instead of lax',
  ],
  [
    'HEAD',
    '  - { path: /, method: HEAD, headers: { x-frame-options: DENY } }',
    '  - { path: /x, method: HEAD }',
    'HTTP 404',
  ],
  [
    'the time',
    '  - { path: /slow, within: 5s }',
    '  - { path: /slow, within: 100ms }',
    '100 ms are the most',
  ],
  [
    'a WebSocket',
    '  - { name: cable, websocket: /cable, protocol: v1, contains: welcome }',
    '  - { name: cable, websocket: /other }',
    'HTTP 404 instead of an upgrade',
  ],
  [
    'its first message',
    '  - { name: cable, websocket: /cable }',
    '  - { name: cable, websocket: /cable, contains: bye }',
    'without the text "bye"',
  ],
  [
    'an upload',
    '  - { name: file, upload: /files, size: 2MB, status: 201 }',
    '  - { name: file, upload: /nowhere, size: 1MB, status: 201 }',
    '1 MB: HTTP 404 instead of 201',
  ],
  [
    'an upload as a form',
    '  - { name: file, upload: /files, size: 1MB, field: file, status: 201 }',
    '  - { name: file, upload: /files, size: 1MB, field: file }',
    'HTTP 201 instead of 200',
  ],
  [
    'a long request',
    '  - { name: slow, long-request: /slow, lasting: 300ms }',
    '  - { name: slow, long-request: /, lasting: 300ms }',
    'proves nothing',
  ],
])('%s is seen as it is', async (_name, right, wrong, told) => {
  expect(await check(right)).toMatchObject({ state: 'passed' });
  const found = await check(wrong);
  expect(found).toMatchObject({ state: 'failed', remedy: expect.any(String) });
  expect(found.found).toContain(told);
});

const LOGIN = (password: string): string => `
  - name: login
    script:
      - { get: /login, capture: { token: { matches: 'value="([^"]+)"' } } }
      - { post: /login, form: { token: '{{token}}', password: '${password}' }, redirect: /account }
      - { get: /account, contains: Sign out }
`;

test('a login carries its token and its cookies from step to step, and a secret by its name only', async () => {
  const secrets = { SHOP_PASSWORD: 'hunter22' };
  expect(await check(LOGIN('{{secret.SHOP_PASSWORD}}'), { secrets })).toMatchObject({
    state: 'passed',
    found: expect.stringContaining('3 steps'),
  });

  const refused = await check(LOGIN('wrong'), { secrets });
  expect(refused).toMatchObject({
    state: 'failed',
    found: expect.stringContaining('step 2 of 3, POST /login'),
  });
  const nameless = await check(LOGIN('{{secret.OTHER}}'), { secrets });
  expect(nameless).toMatchObject({
    state: 'failed',
    found: expect.stringContaining('check-secrets holds no OTHER'),
  });
  expect(JSON.stringify([refused, nameless])).not.toContain('hunter22');
});

const JOB = `
  - name: job
    job: { enqueue: { post: /jobs, status: 202, capture: { id: { json: /id } } }, done: { get: '/jobs/{{id}}', contains: done } }
    within: 1s
`;

test('a job is seen done by a request, and told when it never is', async () => {
  let polls = 0;
  const jobs = (enough: number): void =>
    app.handle((asked, answer) => {
      if (asked.method === 'POST') return void answer.writeHead(202).end('{"id":42}');
      polls += 1;
      answer.writeHead(200).end(asked.url === '/jobs/42' && polls >= enough ? 'done' : 'waiting');
    });
  try {
    jobs(2);
    expect(await check(JOB)).toMatchObject({ state: 'passed', found: expect.stringContaining('seen done') });
    jobs(Infinity);
    expect(await check(JOB)).toMatchObject({
      state: 'failed',
      found: expect.stringContaining('not done after'),
    });
  } finally {
    app.handle(shop);
  }
});

test("without a request that sees it, Sidekiq's counter must grow; without Sidekiq nothing is proven", async () => {
  const yaml = `  - { name: job, job: { enqueue: { post: /files, status: 400 } }, within: 1s }\n`;
  let processed = 10;
  expect(await check(yaml, { processedJobs: () => Promise.resolve(processed++) })).toMatchObject({
    state: 'passed',
  });
  expect(await check(yaml, { processedJobs: () => Promise.resolve(10) })).toMatchObject({ state: 'failed' });
  expect(await check(yaml)).toMatchObject({ state: 'failed', found: expect.stringContaining('no Sidekiq') });
});

test('a command gets its secrets on standard input alone, and fails by its end', async () => {
  const directory = temporaryDirectory('probe');
  const probe = join(directory, 'probe.mjs');
  writeFileSync(
    probe,
    `const chunks = []; for await (const c of process.stdin) chunks.push(c);
     const secrets = JSON.parse(Buffer.concat(chunks));
     const clean = !JSON.stringify([process.argv, process.env]).includes('s3cr3t-value');
     console.log(secrets.MAIL === 's3cr3t-value' && clean && process.env.CHECK_URL && !process.env.INPUT_X ? 'the mail came' : 'no');
     process.exit(process.argv[2] === 'fail' ? 3 : 0);`,
  );
  const yaml = (end: string): string =>
    `  - { name: mail, command: "${process.execPath} ${probe} ${end}", secrets: [MAIL], within: 10s }\n`;
  const more = { secrets: { MAIL: 's3cr3t-value' }, environment: { PATH: process.env.PATH, INPUT_X: '1' } };
  expect(await check(yaml('well'), more)).toMatchObject({
    state: 'passed',
    found: 'it ended well: the mail came',
  });
  expect(await check(yaml('fail'), more)).toMatchObject({
    state: 'failed',
    found: 'it ended with 3: the mail came',
  });
  expect(await check(yaml('well'))).toMatchObject({ state: 'failed', found: 'check-secrets holds no MAIL' });
  expect(await check('  - { name: mail, command: "sleep 5", within: 200ms }\n')).toMatchObject({
    state: 'failed',
  });
});

test('an expired certificate, one that expires soon, and one of another name fail', async () => {
  const yaml = `  - { path: / }\n`;
  const expired = await playApp(shop, { validUntil: new Date(Date.now() - 3_600_000) });
  const soon = await playApp(shop, { validUntil: new Date(Date.now() + 10 * 86_400_000) });
  try {
    expect(await check(yaml, { base: expired.base })).toMatchObject({
      state: 'failed',
      found: expect.stringContaining('has expired'),
    });
    expect(await check(yaml, { base: soon.base })).toMatchObject({
      state: 'failed',
      found: expect.stringContaining('21 days are the least'),
    });
    expect(await check('  - { path: /, certificate-days: 7 }\n', { base: soon.base })).toMatchObject({
      state: 'passed',
    });
    expect(await check(yaml, { base: app.base.replace('localhost', '127.0.0.1') })).toMatchObject({
      state: 'failed',
      found: expect.stringContaining('for another name'),
    });
  } finally {
    expired.close();
    soon.close();
  }
});

test.each<[by: NonNullable<Signed['by']>, state: string, found: RegExp]>([
  ['an intermediate', 'passed', /HTTP 200/],
  ['an intermediate that is not sent', 'failed', /an intermediate is missing, or nobody trusts its issuer/],
  ['a stranger', 'failed', /signed by nobody who is trusted/],
])('a certificate that is signed by %s: %s', async (by, state, found) => {
  const signed = await playApp(shop, { by });
  try {
    expect(await check('  - { path: / }\n', { base: signed.base })).toMatchObject({
      ...{ state, found: expect.stringMatching(found) },
    });
  } finally {
    signed.close();
  }
});

test('the time is held against the old side of the same run; without one it is told, not passed', async () => {
  const { declaredChecks } = parseMigrationConfig(
    `${HEAD}  - { path: /, within-factor: 3 }\n`,
    'migration.yml',
  );
  const slow = await playApp((_asked, answer) => void delay(60).then(() => answer.end('Welcome')));
  try {
    const time = async (run: CheckRun): Promise<Check | undefined> =>
      (await runChecks(run, declaredChecks, { closed: false })).find(({ id }) => id === 'function///time');
    expect(await time(app.run({ oldBase: slow.base }))).toMatchObject({
      state: 'passed',
      milliseconds: { oldSide: expect.any(Number) },
    });
    expect(await time(app.run({ base: slow.base, oldBase: app.base }))).toMatchObject({ state: 'failed' });
    expect(await time(app.run())).toMatchObject({ state: 'told' });
  } finally {
    slow.close();
  }
});

test('what writes is not asked of a side that is closed, and that is said', async () => {
  expect(await check('  - { path: /x, method: POST }\n', {}, true)).toMatchObject({
    state: 'told',
    found: expect.stringContaining('/x'),
  });
});

test.each([
  ['two kinds', '  - { path: /, websocket: /cable }', 'exactly one of'],
  ['no name', '  - { websocket: /cable }', 'must have a name'],
  ['a key of another kind', '  - { path: /, size: 2MB }', 'means nothing for `path`'],
  ['no size', '  - { name: file, upload: /files }', 'must have a `size`'],
  ['a broken pattern', '  - { path: /, matches: "(" }', 'regular expression'],
  ['a misspelt key', '  - { path: /, contain: x }', 'did you mean "contains"'],
])('%s in migration.yml is refused', (_name, yaml, told) => {
  expect(() => parseMigrationConfig(`${HEAD}${yaml}\n`, 'migration.yml')).toThrow(told);
});
