import { z } from 'zod';

import { ConfigurationError } from '../src/errors.ts';
import type { Journal } from '../src/migration/journal.ts';
import { latestSection } from '../src/migration/record.ts';
import type { Strategy } from '../src/migration/strategy.ts';
import type { Subject } from './subject.ts';

const planned = z.object({ plan: z.object({ strategy: z.enum(['window', 'live']) }) });
const copied = z.object({ strategy: z.enum(['window', 'live']) });

/** What migration.yml says, or for `auto` what the plan chose. ConfigurationError for `auto` without a plan. */
export function plannedStrategy(subject: Subject): Strategy {
  const { config, recordPath } = subject;
  const strategy = config.strategy === 'auto' ? recordedStrategy(subject) : config.strategy;
  if (strategy !== undefined) return strategy;
  throw new ConfigurationError(
    `\`strategy: auto\` is decided by assess, and the record ${recordPath} holds no plan: run assess first and pass its ` +
      'record on, or write `strategy: window` or `live`. Nothing was changed.',
  );
}

/** What the newest plan in the record says: the one that an approval is for. */
export function recordedStrategy({ record }: Subject): Strategy | undefined {
  return latestSection(record, 'assess', planned)?.plan.strategy;
}

/**
 * By which strategy the newest copy was made, as the journal remembers: catch-up, roll-back and a continued cutover have
 * no plan at hand. `undefined` when nothing was copied, or the live strategy was uninstalled.
 */
export async function copiedStrategy(journal: Pick<Journal, 'steps'>): Promise<Strategy | undefined> {
  const rows = await journal.steps('migrate-db');
  const last = rows.findLast(({ name }) => name === 'copy' || name === 'uninstall');
  if (last?.name !== 'copy') return undefined;
  // Before there were two strategies no prior state was noted.
  return copied.safeParse(last.prior).data?.strategy ?? 'window';
}
