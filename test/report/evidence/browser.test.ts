import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { findChromium } from '../../../rehearsal/servers/chromium.ts';
import { stopAll } from '../../../rehearsal/servers/process.ts';
import { silentLog } from '../../../src/log.ts';
import { evidenceOf } from '../../../src/report/evidence/evidence.ts';
import { evidencePage } from '../../../src/report/evidence/html.ts';
import { startBrowser, type Page } from '../../support/browser.ts';
import { CUTOVER, VERIFIED, WHOLE, recordOf } from './record.ts';

// In a real browser: what no reading of the HTML can tell. Only where one can be had, and the reason is printed.
const chromium =
  process.env['TEST_FULL'] === '1' ? await findChromium(silentLog) : { missing: 'only in npm run test:full' };
if ('missing' in chromium && process.env['TEST_FULL'] === '1')
  process.stderr.write(`SKIPPED: the evidence in a browser: ${chromium.missing}\n`);

const SHOTS = join(import.meta.dirname, '../../../.cache/evidence');
const long = 'x'.repeat(400);
const pages = {
  open: evidencePage(evidenceOf(recordOf(WHOLE.slice(0, 4)))),
  whole: evidencePage(evidenceOf(recordOf(WHOLE))),
  // Words without a place to break are what makes a page too wide.
  hostile: evidencePage(
    evidenceOf(
      recordOf([
        ...WHOLE.slice(0, 4),
        [
          'cutover',
          {
            ...CUTOVER,
            steps: CUTOVER.steps.map((one) => ({ ...one, name: one.name === 'copy' ? long : one.name })),
            gate: { mode: 'environment', approvedBy: long, checks: [{ what: long, found: long }] },
            jobs: { counts: [{ name: long, size: 1 }] },
          },
        ],
        [
          'verify',
          {
            ...VERIFIED,
            outcome: 'failed',
            checks: [
              {
                id: 'x',
                area: long,
                what: long,
                found: `<img src=x onerror="document.title='owned'">`,
                state: 'failed',
              },
            ],
          },
        ],
      ]),
    ),
  ),
};

('found' in chromium ? describe : describe.skip)('in Chromium', () => {
  let browser: Page;
  beforeAll(async () => {
    if ('found' in chromium) browser = await startBrowser(chromium.found);
  });
  afterAll(() => stopAll());

  test.each(Object.entries(pages))('%s: nothing is loaded and nothing runs', async (_name, html) => {
    await browser.look({ width: 1100, height: 800, scheme: 'light' });
    await browser.open(html);
    expect(browser.requests).toEqual([]);
    expect(browser.complaints).toEqual([]);
    expect(await browser.evaluate('document.title')).not.toBe('owned');
    expect(await browser.evaluate('document.images.length + document.scripts.length')).toBe(0);
  });

  test.each(Object.entries(pages))(
    '%s: no line reaches over the edge, on a phone as on a desk',
    async (_name, html) => {
      await browser.open(html);
      for (const width of [320, 375, 700, 1100]) {
        await browser.look({ width, height: 800, scheme: 'light' });
        await browser.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))");
        expect([width, await browser.evaluate('document.documentElement.scrollWidth')]).toEqual([
          width,
          width,
        ]);
      }
    },
  );

  test.each(Object.entries(pages))('%s: text is read with a contrast of 4.5 to 1', async (_name, html) => {
    await browser.open(html);
    for (const scheme of ['light', 'dark'] as const) {
      await browser.look({ width: 1100, height: 800, scheme });
      expect(await browser.evaluate<string[]>(TOO_FAINT)).toEqual([]);
    }
    const dark = await browser.evaluate('getComputedStyle(document.body).backgroundColor');
    expect(dark).toBe('rgb(17, 22, 29)');
  });

  test('the bar of a step stands under the time at which it ran', async () => {
    await browser.look({ width: 1100, height: 800, scheme: 'light' });
    await browser.open(pages.whole);
    const [bar = 0, window = 0, strip = 1] = await browser.evaluate<number[]>(`(() => {
      const row = [...document.querySelectorAll('.timeline li')].find((one) => one.textContent.startsWith('copy'));
      const svg = row.querySelector('svg').getBoundingClientRect();
      return [...['.bar', '.window'].map((one) => row.querySelector(one).getBoundingClientRect().left - svg.left), svg.width];
    })()`);
    // 44.4 s and 38.4 s of 72.4 s.
    expect(bar / strip).toBeCloseTo(44.4 / 72.4, 2);
    expect(window / strip).toBeCloseTo(38.4 / 72.4, 2);
  });

  test('printed, it is a PDF of a few pages in light colours with everything unfolded', async () => {
    await browser.open(pages.whole);
    await browser.look({ width: 800, height: 1100, scheme: 'dark', media: 'print' });
    expect(await browser.evaluate('getComputedStyle(document.body).backgroundColor')).toBe(
      'rgb(255, 255, 255)',
    );
    const heights = await browser.evaluate<number[]>(
      "[...document.querySelectorAll('details > :not(summary)')].map((one) => one.getBoundingClientRect().height)",
    );
    expect(heights.length).toBeGreaterThan(3);
    expect(Math.min(...heights)).toBeGreaterThan(10);
    const pdf = await browser.pdf();
    expect(pdf.subarray(0, 5).toString()).toBe('%PDF-');
    const count = pdf.toString('latin1').match(/\/Type\s*\/Page\b(?!s)/g)?.length ?? 0;
    expect(count).toBeGreaterThan(1);
    expect(count).toBeLessThan(12);
  });

  test('its screenshots are pictures of it, and kept for a person to look at', async () => {
    mkdirSync(SHOTS, { recursive: true });
    for (const [name, html] of Object.entries(pages)) {
      await browser.open(html);
      for (const width of [375, 1100]) {
        const shots: Buffer[] = [];
        for (const scheme of ['light', 'dark'] as const) {
          await browser.look({ width, height: 800, scheme });
          const shot = await browser.screenshot();
          writeFileSync(join(SHOTS, `${name}-${width}-${scheme}.png`), shot);
          shots.push(shot);
        }
        expect(shots.every((shot) => shot.length > 50_000)).toBe(true);
        expect(shots[0]?.equals(shots[1] ?? Buffer.alloc(0))).toBe(false);
      }
    }
    process.stderr.write(`Screenshots of the evidence: ${SHOTS}\n`);
  });
});

/** Every element with text of its own whose colour is too near to its ground (WCAG 2.2, contrast of text). */
const TOO_FAINT = `(() => {
  const parse = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const luminance = ([r, g, b]) => [r, g, b].map((one) => one / 255)
    .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4))
    .reduce((sum, one, index) => sum + one * [0.2126, 0.7152, 0.0722][index], 0);
  const groundOf = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = parse(getComputedStyle(one).backgroundColor);
      if ((colour[3] ?? 1) > 0) return colour;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll('main *')].filter((one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
    .flatMap((one) => {
      const style = getComputedStyle(one);
      const colour = luminance(parse(one.closest('svg') ? style.fill : style.color));
      const ground = luminance(groundOf(one));
      const ratio = (Math.max(colour, ground) + 0.05) / (Math.min(colour, ground) + 0.05);
      return ratio < 4.5 ? [one.tagName + ' ' + one.textContent.trim().slice(0, 30) + ' ' + ratio.toFixed(2)] : [];
    });
})()`;
