import { z } from 'zod';

import { ConfigurationError } from '../src/errors.ts';
import type { Journal } from '../src/migration/journal.ts';
import { latestSection } from '../src/migration/record.ts';
import type { Strategy } from '../src/migration/strategy.ts';
import type { Subject } from './subject.ts';

const planned = z.object({ plan: z.object({ strategy: z.enum(['window', 'live']) }) });
const copied = z.object({ strategy: z.enum(['window', 'live']) });

/** What migration.yml says, or for `auto` what the plan chose. ConfigurationError for `auto` without a plan. */
export function plannedStrategy({ config, record, recordPath }: Subject): Strategy {
  if (config.strategy !== 'auto') return config.strategy;
  const section = latestSection(record, 'assess', planned);
  if (section !== undefined) return section.plan.strategy;
  throw new ConfigurationError(
    `\`strategy: auto\` is decided by assess, and the record ${recordPath} holds no plan: run assess first and pass its ` +
      'record on, or write `strategy: window` or `live`. Nothing was changed.',
  );
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
