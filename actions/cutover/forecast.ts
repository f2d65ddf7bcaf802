import { z } from 'zod';

import type { Forecast } from '../../src/migration/forecast.ts';
import { forecastDowntime, measuredPart } from '../../src/migration/forecast.ts';
import { latestSection } from '../../src/migration/record.ts';
import type { Subject } from '../subject.ts';

/** What migrate-db measured for the parts of the window, in milliseconds. */
const practice = z.object({
  strategy: z.enum(['window', 'live']),
  measured: z.array(z.object({ name: z.string(), milliseconds: z.number(), from: z.string().optional() })),
});

/** From the newest copy in the record and the lifetime of the DNS records; `undefined` without a copy. */
export function forecastOf({ record, config, environment }: Subject): Forecast | undefined {
  const section = latestSection(record, 'migrate-db', practice);
  if (section === undefined) return undefined;
  // Through the front door visitors reach the new side whatever their resolvers still hold.
  const dns = environment.domains.length > 0 && config.traffic !== 'front-door' ? config.dns : undefined;
  return forecastDowntime({
    strategy: section.strategy,
    parts: section.measured.map(measuredPart),
    budgetMs: config.downtimeBudgetMs,
    frontDoor: config.traffic === 'front-door',
    ...(dns === undefined ? {} : { dnsTtlMs: dns.ttl * 1000 }),
  });
}

/** The downtime to expect, part by part, for the log of a dry run; empty without a copy. */
export function expectedTimeline(subject: Subject): string[] {
  const forecast = forecastOf(subject);
  if (forecast === undefined) return [];
  const seconds = (milliseconds: number): string => (milliseconds / 1000).toFixed(1);
  let elapsed = 0;
  const lines = forecast.phases.map(({ name, low, expected, high, basis }) => {
    const begins = elapsed;
    elapsed += expected;
    return `  at ${seconds(begins)} s  ${name}: ${seconds(expected)} s (${seconds(low)} to ${seconds(high)}, ${basis})`;
  });
  return [
    `To expect, once workers are quiet (at most ${seconds(subject.config.workers.quietTimeoutMs)} s, while the site serves):`,
    ...lines,
    forecast.verdict,
  ];
}
