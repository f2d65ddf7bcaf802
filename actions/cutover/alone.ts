import { isOver, runIdOf, errandOf, type Errand } from '../../src/digitalocean/runner-mark.ts';
import { readTrustedSources } from '../../src/digitalocean/trusted-source.ts';
import { ConfigurationError } from '../../src/errors.ts';
import type { Edge } from '../../src/github/run.ts';
import type { Journal } from '../../src/migration/journal.ts';
import type { Parties } from '../parties.ts';

/** A catch-up that is at work ends in minutes. */
const LIMIT_MS = 10 * 60_000;
const PAUSE_MS = 2_000;
/** Steps that touch nothing yet. */
const LOOKS = new Set(['gate', 'pre-flight', 'guard-watches']);

/**
 * Waits until no other run is let in to the new databases: its leaving is a change of the trusted sources, which rest from
 * the fence to the smoke test. From its own admission on this cutover's mark keeps others out, so that only those who were
 * there before are waited for, and not those whose death the journal knows. A cutover that has begun waits for nobody.
 *
 * @param errands whom to wait for; default: everybody
 * Throws a ConfigurationError, with nothing touched, when somebody is still there after ten minutes.
 */
export async function waitUntilAlone(
  { environment, clock, log }: Pick<Edge, 'environment' | 'clock' | 'log'>,
  { newSide, pass, signal }: Pick<Parties, 'newSide' | 'pass' | 'signal'>,
  journal: Pick<Journal, 'steps' | 'passesOfDead'>,
  { errands, limitMs = LIMIT_MS }: { errands?: readonly Errand[]; limitMs?: number } = {},
): Promise<void> {
  const begun = (await journal.steps('cutover')).filter(({ status }) => status !== 'undone');
  if (begun.some(({ name }) => !LOOKS.has(name))) return;
  const since = clock.now().getTime();
  for (let told = ''; ;) {
    const others = await readOthers();
    if (others.length === 0) return;
    const who = others.map(({ runId, address }) => `run ${runId} (${address})`).join(', ');
    if (clock.now().getTime() - since >= limitMs) {
      throw new ConfigurationError(
        `Others are still let in to the new databases after ${Math.round(limitMs / 60_000)} minutes: ${who}. When they leave, the trusted ` +
          'sources change, and these must rest from the fence to the smoke test. Nothing was touched. Wait until they have ended; of ' +
          'one whose machine died, take the address out of the trusted sources of the cluster and of the firewall of Redis by hand. ' +
          'Then run this again.',
      );
    }
    if (who !== told) log.info(`Waiting until nobody else is let in to the new databases: ${who}.`);
    told = who;
    await clock.sleep(PAUSE_MS, signal);
  }

  async function readOthers(): Promise<{ runId: string; address: string }[]> {
    const [sources, dead] = await Promise.all([
      readTrustedSources(newSide.client, newSide.clusterId),
      journal.passesOfDead(),
    ]);
    const isOther = (one: { holder: string; until: Date }): boolean =>
      runIdOf(one) !== environment.runId &&
      !isOver(one, { holder: pass }, clock.now()) &&
      !dead.includes(one.holder) &&
      (errands?.includes(errandOf(one)) ?? true);
    return sources.flatMap(({ value, holders = [] }) =>
      holders.filter(isOther).map((one) => ({ runId: runIdOf(one), address: value })),
    );
  }
}
