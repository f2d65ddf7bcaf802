import { systemClock } from '../../../src/clock.ts';
import { silentLog } from '../../../src/log.ts';
import type { StepJournal } from '../../../src/migration/journal.ts';
import { openJournal } from '../../../src/migration/journal.ts';
import { acquireLease } from '../../../src/migration/lease.ts';
import { runSteps } from '../../../src/migration/saga.ts';
import { closeConnection, connect, parsePostgresUrl } from '../../../src/postgres/connect.ts';
import { cutoverSteps, worldOf } from './world.ts';

export interface SmallCutover {
  /** Journal and world are in one database. */
  url: string;
  attempt: number;
  /** The step whose act fails once its effect is there; empty = none. */
  failing: string;
  /** Called at every edge: around each commit of the journal, and around each effect. */
  onEdge: (place: string) => void;
}

/** Runs the small cutover once; returns how it ended: `finished` or the name of the error. */
export async function runSmallCutover({ url, attempt, failing, onEdge }: SmallCutover): Promise<string> {
  const address = parsePostgresUrl(url, { mode: 'off' });
  const client = await connect(address, { applicationName: 'world' });
  const journal = await openJournal(address, 'shop-staging');
  const lease = await acquireLease(journal, {
    holder: { runId: '7', runAttempt: attempt, actor: 'ada', runUrl: '' },
    log: silentLog,
    clock: systemClock,
  });
  const around = async <T>(what: string, write: () => Promise<T>): Promise<T> => {
    onEdge(`before the ${what}`);
    const written = await write();
    onEdge(`after the ${what}`);
    return written;
  };
  const edged: StepJournal = {
    steps: (phase) => journal.steps(phase),
    begin: (writer, step) => around(`intent of ${step.name}`, () => journal.begin(writer, step)),
    finish: (writer, id, result) => around('result', () => journal.finish(writer, id, result)),
    fail: (writer, id, reason) => around('failure', () => journal.fail(writer, id, reason)),
    beginUndo: (writer, ids, reason) => around('begin of undo', () => journal.beginUndo(writer, ids, reason)),
    finishUndo: (writer, id) => around('end of undo', () => journal.finishUndo(writer, id)),
  };
  const steps = cutoverSteps(worldOf(client), (place) => {
    onEdge(place);
    if (failing !== '' && place === `${failing}:after act`) throw new Error(`${failing} broke`);
  });
  try {
    await runSteps(edged, lease, steps, { phase: 'cutover', log: silentLog, clock: systemClock });
    return 'finished';
  } catch (error) {
    return error instanceof Error ? error.name : 'thrown';
  } finally {
    await lease.release();
    await Promise.all([journal.close(), closeConnection(client)]);
  }
}
