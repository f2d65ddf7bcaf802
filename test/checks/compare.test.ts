import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { compareSides } from '../../src/checks/compare.ts';
import type { Check } from '../../src/checks/result.ts';
import type { CompareConfig } from '../../src/migration/config.ts';
import { playApp, type PlayedApp } from './played-app.ts';

// Both sides are real servers behind TLS that answer the same request.

let oldSide: PlayedApp;
let newSide: PlayedApp;
beforeAll(async () => {
  oldSide = await playApp(() => undefined);
  newSide = await playApp(() => undefined);
});
afterAll(() => {
  oldSide.close();
  newSide.close();
});

interface Page {
  status?: number;
  headers?: Record<string, string | string[]>;
  body?: string;
}
const HTML = { 'content-type': 'text/html' };
const JSON_TYPE = { 'content-type': 'application/json' };
const STRICT: CompareConfig = { paths: undefined, ignoreHeaders: [], ignoreJson: [], ignoreHtml: [] };

async function compare(
  before: Page,
  after: Page,
  config: CompareConfig | undefined = STRICT,
): Promise<Check> {
  for (const [app, { status = 200, headers = HTML, body = '' }] of [
    [oldSide, before],
    [newSide, after],
  ] as const)
    app.handle((asked, answer) => {
      // Whoever compares may change nothing on either side.
      answer.writeHead(asked.method === 'GET' ? status : 405, headers).end(body);
    });
  const [found] = await compareSides(newSide.run({ oldBase: oldSide.base }), ['/'], config);
  if (found === undefined) throw new Error('nothing was compared');
  return found;
}

test('content may differ, its shape may not', async () => {
  const page = (names: string[], extra = ''): Page => ({
    body: `<html><body><ul id="orders">${names.map((name) => `<li id="order-${name.length}1">${name}</li>`).join('')}</ul>${extra}</body></html>`,
  });
  expect(await compare(page(['a']), page(['b', 'cc', 'ddd']))).toMatchObject({ state: 'passed' });
  expect(await compare(page(['a'], '<form id="search"></form>'), page(['a']))).toMatchObject({
    state: 'failed',
    found: 'not on the new side: html>body>form#search',
  });
  expect(
    await compare(page(['a'], '<form id="search"></form>'), page(['a']), {
      ...STRICT,
      ignoreHtml: ['form#search'],
    }),
  ).toMatchObject({ state: 'passed' });
});

test('JSON is compared by keys and types, and declared fields may differ', async () => {
  const body = (value: object): Page => ({ headers: JSON_TYPE, body: JSON.stringify(value) });
  expect(
    await compare(
      body({ items: [{ id: 1, at: null }] }),
      body({
        items: [
          { id: 2, at: 'now' },
          { id: 3, at: 'then' },
        ],
      }),
    ),
  ).toMatchObject({ state: 'passed' });
  expect(await compare(body({ total: 3 }), body({ total: '3' }))).toMatchObject({
    state: 'failed',
    found: 'not on the new side: /total: number; on the new side only: /total: string',
  });
  expect(
    await compare(body({ total: 3 }), body({ total: '3' }), { ...STRICT, ignoreJson: ['/total'] }),
  ).toMatchObject({ state: 'passed' });
  expect(await compare(body({ a: 1 }), { headers: JSON_TYPE, body: '{"a":' })).toMatchObject({
    state: 'failed',
  });
});

test.each<[string, Page, Page, string]>([
  ['another status', {}, { status: 500 }, 'HTTP 200 on the old side, 500 on the new one'],
  [
    'a header that matters',
    { headers: { ...HTML, 'x-frame-options': 'DENY' } },
    {},
    'x-frame-options: "DENY" on the old side, none on the new one',
  ],
  [
    'other cookie flags',
    { headers: { ...HTML, 'set-cookie': 'a=1; Secure; HttpOnly' } },
    { headers: { ...HTML, 'set-cookie': 'a=1' } },
    'cookie a: Secure HttpOnly SameSite=none given on the old side, SameSite=none given on the new one',
  ],
  [
    'another place to go',
    { status: 302, headers: { location: '/a' } },
    { status: 302, headers: { location: '/b' } },
    'it leads elsewhere',
  ],
  ['another kind of body', {}, { headers: JSON_TYPE, body: '{}' }, 'content-type'],
])('%s is listed', async (_name, before, after, told) => {
  const found = await compare(before, after);
  expect(found).toMatchObject({ state: 'failed' });
  expect(found.found).toContain(told);
});

test('a header that is declared may differ', async () => {
  const before = { headers: { ...HTML, 'x-frame-options': 'DENY' } };
  expect(await compare(before, {}, { ...STRICT, ignoreHeaders: ['x-frame-options'] })).toMatchObject({
    state: 'passed',
    found: 'HTTP 200, alike',
  });
});

test('without a declaration a difference is told, but another status fails all the same', async () => {
  const header = { headers: { ...HTML, 'x-frame-options': 'DENY' } };
  oldSide.handle((_asked, answer) => void answer.writeHead(200, header.headers).end());
  newSide.handle((_asked, answer) => void answer.writeHead(200, HTML).end());
  expect(await compareSides(newSide.run({ oldBase: oldSide.base }), ['/'], undefined)).toMatchObject([
    { state: 'told' },
  ]);
  newSide.handle((_asked, answer) => void answer.writeHead(503, HTML).end());
  expect(await compareSides(newSide.run({ oldBase: oldSide.base }), ['/'], undefined)).toMatchObject([
    { state: 'failed' },
  ]);
});

test("each side's own name, a nonce and headers of the platform are no difference", async () => {
  const page = (base: string, nonce: string): Page => ({
    headers: {
      ...HTML,
      'content-security-policy': `default-src ${new URL(base).host} 'nonce-${nonce}'`,
      server: nonce,
      via: nonce,
    },
  });
  expect(await compare(page(oldSide.base, 'abc'), page(newSide.base, 'xyz'))).toMatchObject({
    state: 'passed',
  });
});

test('a side that gives no answer fails, and after the switch nothing is compared', async () => {
  oldSide.handle((asked) => void asked.socket.destroy());
  newSide.handle((_asked, answer) => void answer.end());
  expect(await compareSides(newSide.run({ oldBase: oldSide.base }), ['/'], undefined)).toMatchObject([
    { state: 'failed', found: expect.stringContaining('old side gave no answer') },
  ]);
  expect(await compareSides(newSide.run(), ['/'], undefined)).toEqual([]);
});
