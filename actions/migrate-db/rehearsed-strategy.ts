import type { Edge } from '../../src/github/run.ts';
import { readSource } from '../../src/migration/source.ts';
import type { Strategy } from '../../src/migration/strategy.ts';
import { readCapturedBy } from '../../src/postgres/captured-by.ts';
import { herokuOf } from '../parties.ts';
import { plannedStrategy } from '../strategy.ts';
import type { Subject } from '../subject.ts';

/**
 * How this copy is made: as planned, but for a rehearsal of what the real migration captures already. A database has one
 * capture, and the real one is not disturbed: then the rehearsal only reads, as the window strategy does.
 */
export async function strategyOfCopy(edge: Edge, subject: Subject): Promise<Strategy> {
  const planned = plannedStrategy(subject);
  const { throwAway, herokuApp } = subject.environment;
  if (planned === 'window' || throwAway === undefined) return planned;
  const { postgres } = await readSource(herokuOf(edge), herokuApp, edge);
  const captured = postgres && (await readCapturedBy(postgres, { signal: edge.signal }));
  if (captured?.migrationId !== throwAway.of) return planned;
  edge.log.info(
    `Changes of ${herokuApp} are captured for ${throwAway.of} already: this rehearsal copies without following, and leaves that as it is.`,
  );
  return 'window';
}
