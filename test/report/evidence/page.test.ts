import { describe, expect, test } from '@jest/globals';

import { evidenceOf } from '../../../src/report/evidence/evidence.ts';
import { evidencePage } from '../../../src/report/evidence/html.ts';
import { evidenceSummary } from '../../../src/report/evidence/markdown.ts';
import { CHECKS, CUTOVER, RUN, VERIFIED, WHOLE, recordOf } from './record.ts';
import { faultsOf } from './well-formed.ts';

const evidence = evidenceOf(recordOf(WHOLE));
const page = evidencePage(evidence);

test('the page is well-formed, and loads and runs nothing', () => {
  expect(faultsOf(page)).toEqual([]);
  expect(page).toContain(`default-src 'none'; style-src 'sha256-`);
  const style = /<style>([^<]*)<\/style>/.exec(page)?.[1] ?? '';
  expect(style).not.toMatch(/url\(|@import|@font-face|expression|https?:/);
  expect(page.replace(style, '')).not.toMatch(/<script|javascript:|\son\w+=|\ssrc=|<link|<iframe|<img/i);
  // The only addresses are those of the runs.
  expect([...new Set([...page.matchAll(/https?:\/\/[^"\s<]+/g)].map(([address]) => address))]).toEqual([
    RUN.runUrl,
  ]);
});

test('the same record gives the same page, byte for byte', () => {
  expect(evidencePage(evidenceOf(recordOf(WHOLE)))).toBe(page);
});

test('every promised fact is on the page', () => {
  const text = textOf(page);
  for (const fact of [
    'Moved and verified',
    'without service for 34.0 s',
    'from 02:00:38 to 02:01:12 UTC on 2026-11-23',
    'robin approved the plan',
    'started by alex',
    'on 2026-11-23 at 02:00:00 UTC',
    '48,513',
    '2,266',
    'schedule',
    '85 ms',
    '112 ms',
    '0.8 ×',
    '$650.00',
    '$97.10',
    'saves $552.90 a month (85 %)',
    'Redis is not public',
    'no answer from here',
    'nobody but you can see it',
    'point of no return',
    `sha256:${'a'.repeat(64)}`,
    ...recordOf(WHOLE).sections.map(({ digest }) => digest),
  ])
    expect(text).toContain(fact);
});

test('the step summary tells the same facts', () => {
  const summary = evidenceSummary(evidence).replaceAll('\\', '').replaceAll('&#58;', ':');
  for (const { label, value } of evidence.figures) {
    expect(summary).toContain(label);
    expect(summary).toContain(value);
  }
  for (const { what, found } of CHECKS) {
    expect(summary).toContain(what);
    expect(summary).toContain(found);
  }
  for (const { title } of evidence.sections) expect(summary).toContain(title);
  expect(summary).toContain('```mermaid\ngantt');
  expect(summary).toContain('section Without service');
});

test('the downtime is marked in the picture, where it was', () => {
  const rows = [...page.matchAll(/<li class="(\w+)"><span>([^<]*)<\/span><svg[^>]*>(.*?)<\/svg>/g)];
  const toneOf = new Map(rows.map(([, tone, name]) => [name, tone]));
  expect(toneOf.get('quiet-workers')).toBe('serving');
  expect(toneOf.get('copy')).toBe('down');
  expect(toneOf.get('smoke')).toBe('down');
  // Begun at 38.4 s of 72.4 s.
  expect(rows[0]?.[3]).toContain('<rect class="window" x="53.04%"');
});

describe('what a hostile record holds stays text', () => {
  const hostile =
    '<script>alert(1)</script>"\' onmouseover=x & </td></table> [link](javascript:alert(1)) | `code` \u001B[31mred\u001B[0m \u202Eevil\u2066 ::error::x\r\n## heading ' +
    'A'.repeat(30_000);
  const record = recordOf(
    [
      ...WHOLE.slice(0, 4),
      [
        'cutover',
        {
          ...CUTOVER,
          steps: CUTOVER.steps.map((one) => (one.name === 'copy' ? { ...one, name: hostile } : one)),
          gate: { mode: 'environment', approvedBy: hostile, checks: [{ what: hostile, found: hostile }] },
          jobs: { counts: Array.from({ length: 2_000 }, () => ({ name: hostile.slice(0, 300), size: 1 })) },
        },
      ],
      [
        'verify',
        {
          ...VERIFIED,
          checks: [
            ...CHECKS,
            {
              id: 'x',
              area: hostile.slice(0, 300),
              what: hostile,
              found: hostile,
              state: 'failed',
              remedy: hostile,
            },
          ],
        },
      ],
    ],
    { ...RUN, actor: hostile, runUrl: 'javascript:alert(document.cookie)' },
    `shop</title><script>`,
  );
  const bad = evidencePage(evidenceOf(record));

  test('well-formed, without a tag, an attribute or an address of its own', () => {
    expect(faultsOf(bad)).toEqual([]);
    expect(bad).not.toContain('<script');
    expect(bad).not.toContain('href="javascript');
    expect(bad).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
  });

  test('nothing that colours, turns or hides text is left', () => {
    expect(bad).not.toMatch(
      /[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u202A-\u202E\u2066-\u2069\u200B-\u200F\uFEFF]/u,
    );
  });

  test('its size is bounded, whatever the size of the fields and their number', () => {
    expect(bad.length).toBeLessThan(500_000);
    expect(bad).toContain('1800 more are in the migration record.');
  });

  test('nor does the summary become Markdown of theirs', () => {
    const summary = evidenceSummary(evidenceOf(record));
    expect(summary).not.toContain('<script');
    expect(summary).not.toContain('](javascript');
    expect(summary.length).toBeLessThan(1_000_000);
    expect(summary.split('\n').filter((line) => line.startsWith('## heading'))).toEqual([]);
  });
});

test('a record of the largest size makes a page that a phone opens', () => {
  const many = Array.from({ length: 6_000 }, (_, index) => ({
    ...{
      id: `data/${index}`,
      area: `area ${index % 400}`,
      what: `Table ${index} ${'x'.repeat(80)}`,
      found: 'equal',
    },
    state: 'passed',
  }));
  const large = evidencePage(evidenceOf(recordOf([...WHOLE, ['verify', { ...VERIFIED, checks: many }]])));
  expect(large.length).toBeLessThan(3_000_000);
  expect(faultsOf(large)).toEqual([]);
});

function textOf(html: string): string {
  return html
    .replace(/<style>[^<]*<\/style>/, '')
    .replaceAll(/<[^>]+>/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');
}
