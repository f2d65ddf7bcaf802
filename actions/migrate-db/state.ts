import { ConfigurationError, NotSupportedError } from '../../src/errors.ts';
import type { Edge } from '../../src/github/run.ts';
import { finalizedAt } from '../../src/migration/finalized.ts';
import type { Journal } from '../../src/migration/journal.ts';
import { readFence } from '../../src/postgres/fence-marker.ts';
import type { Parties } from '../parties.ts';
import { gatherParties } from '../parties.ts';
import type { Subject } from '../subject.ts';

/** Where the migration stands, as far as the data is concerned: which side serves. */
export type Standing =
  | { serves: 'heroku' }
  /** `reverse`: the capture towards Heroku was installed before the switch. */
  | { serves: 'digitalocean'; reverse: boolean }
  /** A cutover has begun and is neither undone nor finished. */
  | { serves: 'unsettled'; stoppedAt: string };

export async function standingOf({ subject, oldSide }: Parties, journal: Journal): Promise<Standing> {
  const begun = (await journal.steps('cutover')).filter(({ status }) => status !== 'undone');
  const done = (name: string): boolean => begun.some((row) => row.name === name && row.status === 'done');
  const passed = begun.some(({ pointOfNoReturn, status }) => pointOfNoReturn && status === 'done');
  // Nothing on the old side tells of it any more.
  if ((await finalizedAt(journal)) !== undefined) return { serves: 'digitalocean', reverse: false };
  const closed = (await readFence(oldSide.database, subject.environment.migrationId)) === 'closed';
  if (closed && (begun.length === 0 || done('open-new-side')))
    return { serves: 'digitalocean', reverse: done('reverse-capture') };
  return passed || begun.length > 0 || closed
    ? { serves: 'unsettled', stoppedAt: begun.at(-1)?.name ?? '' }
    : { serves: 'heroku' };
}

/** After the point of no return the new side is the one that counts: writing to it would overwrite what it took since. */
export async function refuseUnlessHerokuServes(parties: Parties, journal: Journal): Promise<void> {
  const { migrationId } = parties.subject.environment;
  const standing = await standingOf(parties, journal);
  const finalized = await finalizedAt(journal);
  if (finalized !== undefined) {
    throw new NotSupportedError(
      `${migrationId} has been cut over, and its way back was ended on purpose at ${finalized.toISOString()}: DigitalOcean alone holds ` +
        'what was written since, and copying again would overwrite it. Nothing was changed. To move back is a migration of its own.',
    );
  }
  if (standing.serves === 'digitalocean') {
    throw new NotSupportedError(
      `${migrationId} has been cut over: DigitalOcean holds the newer data, and copying again would overwrite it. ` +
        'Nothing was changed. To go back first, run roll-back.',
    );
  }
  if (standing.serves === 'unsettled') throw unsettled(migrationId, standing.stoppedAt);
}

export function unsettled(migrationId: string, stoppedAt: string): ConfigurationError {
  return new ConfigurationError(
    `A cutover of ${migrationId} has begun and stopped at "${stoppedAt}". Nothing was changed. ` +
      'Run its job again, which completes or undoes it, or run roll-back; then run this again.',
  );
}

/** A dry run: `explain` says what would happen, and nothing is changed. */
export async function planOnly(
  edge: Edge,
  subject: Subject,
  explain: (parties: Parties, journal: Journal) => Promise<string>,
): Promise<void> {
  const { parties, journal } = await gatherParties(edge, subject);
  try {
    edge.log.info(`Would ${await explain(parties, journal)}`);
  } finally {
    await journal.close();
  }
  edge.setOutput('record', subject.recordPath);
  edge.setOutput('outcome', 'planned');
  edge.setOutput('changed', false);
}
