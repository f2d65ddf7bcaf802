import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from '@jest/globals';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { latestSection, readRecord } from '../../../src/migration/record.ts';
import { full, testInFull } from '../../support/or-skipped.ts';
import {
  cutOver,
  expectConclusion,
  isWhere,
  logOf,
  openShop,
  prepare,
  serves,
  type Shop,
} from './shop-under-migration.ts';

// A cutover that is approved before its window opens waits for it, beside its guard, and begins by itself.
let shop: Shop;

beforeAll(async () => {
  if (!full) return;
  shop = await openShop({ environments: ['production'], schedules: false });
  shop.world.github.configureEnvironment('production', {});
}, 240_000);

afterAll(async () => {
  if (full) await shop.close();
});

/** `HH:MM` of the first full minute from then on, and that minute. */
function minuteAfter(at: number): { text: string; opens: number } {
  const opens = Math.ceil(at / 60_000) * 60_000;
  return { text: new Date(opens).toISOString().slice(11, 16), opens };
}

/** From its minute on for some hours. */
function openFrom(text: string): void {
  const file = join(shop.world.workspace, 'migration.yml');
  const config = parse(readFileSync(file, 'utf8')) as { environments: Record<string, object> };
  const [hour = 0] = text.split(':').map(Number);
  const closes = `${String((hour + 3) % 24).padStart(2, '0')}:${text.slice(3)}`;
  const production = {
    ...config.environments.production,
    window: { 'not-before': text, 'not-after': closes },
  };
  writeFileSync(file, stringify({ ...config, environments: { ...config.environments, production } }));
}

const timeline = z.looseObject({ steps: z.array(z.object({ name: z.string(), begunAt: z.string() })) });

testInFull(
  'approved before its window opens, it holds nothing until then, its guard waits with it, and it begins within seconds',
  async () => {
    const started = Date.now();
    expectConclusion(await prepare(shop), 'success');
    // Preparing again for the plan with the window takes no longer than it took to make everything.
    const { text, opens } = minuteAfter(Date.now() + (Date.now() - started) + 10_000);
    openFrom(text);
    const prepared = await prepare(shop);
    expectConclusion(prepared, 'success');
    expect(Date.now()).toBeLessThan(opens);

    const asked = shop.side.app.releases().length;
    const held: unknown[] = [];
    const lease = async (): Promise<void> => {
      const cluster = shop.world.digitalOcean.clusters().find(({ name }) => name === 'shop-production');
      held.push(await cluster?.query('migration_journal', 'select token from journal.lease'));
    };
    const looking: Promise<void>[] = [];
    const result = await cutOver(shop, prepared, {
      without: [],
      killStep: (job, _name, line) => {
        if (job === 'guard' && /The cutover waits for its window/.test(line)) looking.push(lease());
        return false;
      },
    });
    await Promise.all(looking);
    expectConclusion(result, 'success');
    expect(logOf(result, 'cutover')).toContain(
      `Waiting for the window: it opens at ${new Date(opens).toISOString()}`,
    );
    expect(held).toEqual([[{ token: null }]]);
    expect(shop.side.app.releases().length).toBeGreaterThan(asked);

    const record = await readRecord(
      join(result.artifacts, 'migration-record-production', 'migration-record.json'),
    );
    const begun = latestSection(record, 'cutover', timeline)?.steps.map((step) => Date.parse(step.begunAt));
    const first = Math.min(...(begun ?? []));
    expect(first).toBeGreaterThanOrEqual(opens);
    expect(first - opens).toBeLessThan(20_000);
    await isWhere(shop, 'digitalocean');
    await serves(shop, 'digitalocean');
  },
  600_000,
);
