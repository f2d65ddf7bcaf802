import { expect, test } from '@jest/globals';

import { createMasks } from '../../src/github/masks.ts';
import { escapeHtml, escapeMarkdown } from '../../src/report/escape.ts';

const SECRET = `s3cr3t/+ "q' & <o> \\ 50% *ü*_x`;

function masking(...secrets: string[]): { told: string[]; redact: (text: string) => string } {
  const told: string[] = [];
  const masks = createMasks((value) => told.push(value));
  for (const secret of secrets) masks.add(secret);
  return { told, redact: (text) => masks.redact(text) };
}

test.each([
  ['as it is', SECRET],
  ['in a URL', encodeURIComponent(SECRET)],
  ['in the query of a URL', new URL(`https://h/?x=${encodeURIComponent(SECRET)}`).search.slice(3)],
  ['in a form', new URLSearchParams({ x: SECRET }).toString().slice(2)],
  ['in JSON', JSON.stringify({ x: SECRET })],
  ['in JSON in JSON', JSON.stringify({ message: JSON.stringify({ x: SECRET }) })],
  ['in HTML', escapeHtml(SECRET)],
  ['in Markdown', escapeMarkdown(SECRET)],
  ['in base64', Buffer.from(SECRET).toString('base64')],
  ['in base64 behind one character', Buffer.from(`:${SECRET}`).toString('base64')],
  ['in base64 behind two', Buffer.from(`u:${SECRET}`).toString('base64')],
  ['in base64 for URLs', Buffer.from(`u:${SECRET}`).toString('base64url')],
  ['in hexadecimal', Buffer.from(SECRET).toString('hex')],
  ['quoted in SQL', SECRET.replaceAll("'", "''")],
])('a secret %s is taken out', (_how, written) => {
  const redacted = masking(SECRET).redact(`before ${written} after`);
  expect(redacted).toMatch(/^before .*\*\*\*.* after$/);
  // Of base64 the groups at both ends belong to what stands beside it, too.
  expect(redacted.length).toBeLessThan(50);
  expect(redacted).not.toContain('s3cr3t');
});

test('the lines of a key are, each by itself, and its frame stays', () => {
  const key = '-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n';
  const { redact, told } = masking(key);
  expect(told).toEqual(['MIIEvQIBADANBgkq', 'hkiG9w0BAQEFAASC']);
  expect(redact(key)).toBe('-----BEGIN PRIVATE KEY-----\n***\n***\n-----END PRIVATE KEY-----\n');
  expect(redact(JSON.stringify({ key }))).not.toMatch(/MIIEv|hkiG9/);
});

test('secrets that overlap are taken out whole', () => {
  const { redact } = masking('abcdefgh', 'efghijkl');
  expect(redact('x abcdefghijkl y')).toBe('x *** y');
  expect(redact('abcdefghefghijkl')).toBe('******');
});

test('a long one that a limit has cut is taken out as far as it goes; a short beginning is no secret', () => {
  const long = `{"type":"service_account","project_id":"acme","private_key":"${'k3y'.repeat(200)}"}`;
  const { redact } = masking(long);
  expect(redact(`it said ${long.slice(0, 100)}… and more`)).toBe('it said ***… and more');
  expect(redact(escapeMarkdown(`it said ${long}${long}`))).not.toContain('k3y');
  expect(redact('{"type":"service_account"}')).toBe('{"type":"service_account"}');
});

test('what is no secret stays: short words, and names that begin as one does', () => {
  const { redact, told } = masking('on', 'yes', '', 'shop-production-1');
  expect(told).toEqual(['shop-production-1']);
  expect(redact('on yes shop-production shop-production-1')).toBe('on yes shop-production ***');
});

test('thousands of secrets cost a line of the log next to nothing', () => {
  const { redact } = masking(...Array.from({ length: 3_000 }, (_, at) => `secret-${at}-${'x'.repeat(30)}`));
  const begun = performance.now();
  for (let line = 0; line < 2_000; line += 1)
    redact(`Copied table ${line} of public with 1,234 rows in 3.4 s`);
  expect(performance.now() - begun).toBeLessThan(2_000);
});
