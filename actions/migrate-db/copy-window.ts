import { copyBoth } from '../copy-both.ts';
import type { Parties } from '../parties.ts';
import { compareBoth, movedOn, quietly } from '../prove-equal.ts';
import type { Copied } from './copy.ts';

/** The practice copy of the window strategy: the cutover calls the same functions inside the fence. */
export async function copyForPractice(parties: Parties): Promise<Copied> {
  const { clock, log } = parties;
  const { postgres, redis } = await log.group('Copy Postgres and Redis', () => copyBoth(parties));
  const started = clock.now().getTime();
  const parities = await log.group('Compare both sides', () => compareBoth(quietly(parties)));
  const parityMs = clock.now().getTime() - started;
  if (parities.postgres.catalogue.length > 0) {
    throw new Error(
      ['The copy lacks or alters objects:', ...parities.postgres.catalogue.map((line) => `  ${line}`)].join(
        '\n',
      ),
    );
  }
  const written = movedOn(parities);
  for (const line of written) log.info(`Written on Heroku since the copy began: ${line}`);
  return {
    strategy: 'window',
    tables: postgres.tables,
    bytes: postgres.bytes,
    keys: redis?.keys ?? 0,
    removed: postgres.removed.map(({ entry, reason }) => `${entry}: ${reason}`),
    movedOn: written.slice(0, 50),
    measured: [
      { name: 'copy', milliseconds: Math.max(postgres.milliseconds, redis?.milliseconds ?? 0) },
      { name: 'parity', milliseconds: parityMs },
    ],
    speed: {
      copyBytesPerSecond: perSecond(postgres.bytes, postgres.milliseconds),
      parityBytesPerSecond: perSecond(postgres.bytes, parityMs),
    },
  };
}

export function perSecond(amount: number, milliseconds: number): number {
  return Math.round((amount * 1000) / Math.max(milliseconds, 1));
}
