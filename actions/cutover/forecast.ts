import { z } from 'zod';

import type { Forecast } from '../../src/migration/forecast.ts';
import { forecastWindow } from '../../src/migration/forecast.ts';
import { latestSection } from '../../src/migration/record.ts';
import type { Subject } from '../subject.ts';

/** What migrate-db measured at its practice copy, in milliseconds. */
const practice = z.object({
  measured: z.array(z.object({ name: z.string(), milliseconds: z.number() })),
});

/** From the newest practice copy in the record and the lifetime of the DNS records; `undefined` without a copy. */
export function forecastOf({ record, config }: Subject): Forecast | undefined {
  const section = latestSection(record, 'migrate-db', practice);
  if (section === undefined) return undefined;
  return forecastWindow({
    measured: section.measured,
    budgetMs: config.downtimeBudgetMs,
    ...(config.dns === undefined ? {} : { dnsTtlMs: config.dns.ttl * 1000 }),
  });
}
